"""What every task offers: the small interface between what is explored and whoever explores it.

Words, used in this sense everywhere:

- a **problem** μ is one member of the task's family (one city, one bandit); the agent never sees μ;
- an **instruction** is what an episode asks for (a goal). Instruction 0 asks for nothing: exploration;
- a **trial** is a few episodes in one problem. The last is execution, the earlier ones exploration;
- a **symbol** is what the agent senses: the number of a row of features, or a vector.

Shapes: the batch of trials B is the first axis; in stored trajectories time T is the second.
M problems, I instructions, S states, A actions, F features, K episodes.

Finite tasks are tables (``tasks.tables``), and get all of this from them. A continuous task, such as the point
robot, writes a ``Task`` and a ``Running`` by hand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError

if TYPE_CHECKING:
    from course_lib.tasks.tables import Tables


@dataclass(frozen=True)
class TrialShape:
    """K episodes of at most ``horizon`` steps each.

    ``instructed[k]``: episode k draws an instruction from 1 … I−1; otherwise it has instruction 0.
    ``counted[k]``: the rewards of episode k belong to the return of the trial.
    ``pauses``: the agent sees where an episode ended before the next one starts, in a step of its own. A
    bandit has nothing to see there, and does without.

    Raises:
        CourseError: the horizon is no positive whole number, or the episodes don't match.
    """

    horizon: int
    instructed: tuple[bool, ...]
    counted: tuple[bool, ...]
    pauses: bool = True

    def __post_init__(self) -> None:
        for name in ("instructed", "counted"):
            given = getattr(self, name)
            if not isinstance(given, (tuple, list)) or not all(isinstance(one, bool) for one in given):
                raise CourseError(
                    Bilingual(
                        f"`{name}`에는 에피소드마다 True나 False를 하나씩 적은 튜플을 주십시오(예: `(False, True)`). 받은 값: {given!r}.",
                        f"`{name}` takes a tuple with True or False for each episode, such as `(False, True)`. Got {given!r}.",
                    )
                )
            object.__setattr__(self, name, tuple(given))  # a list would equal no tuple of the same values
        whole = isinstance(self.horizon, int) and not isinstance(self.horizon, bool)
        if not whole or self.horizon < 1 or not self.instructed or len(self.instructed) != len(self.counted):
            raise CourseError(
                Bilingual(
                    "트라이얼에는 1 이상의 정수 horizon과, 길이가 같은 instructed와 counted가 필요합니다. 받은 값: "
                    f"horizon={self.horizon!r}, 에피소드 {len(self.instructed)}개와 {len(self.counted)}개.",
                    "A trial needs a whole horizon of at least 1, and instructed and counted of one length. Got "
                    f"horizon={self.horizon!r}, {len(self.instructed)} and {len(self.counted)} episodes.",
                )
            )

    @property
    def episodes(self) -> int:
        return len(self.instructed)

    @property
    def length(self) -> int:
        """T, the longest trial in steps: K·horizon, and the pauses between episodes."""
        return self.episodes * self.horizon + (self.episodes - 1) * self.pauses


@dataclass(frozen=True)
class Drawn:
    """Problems drawn for B trials: trial b plays problem ``index[b]``, of ``tables`` where there are any."""

    tables: Tables | None
    index: Tensor  # (B,) int64


@dataclass(frozen=True)
class Trials:
    """What happened in B trials, as plain tensors. Column t holds what the agent saw, then did, at t.

    In a continuous task states and symbols are vectors (B, T, ·) float32, and so are actions (B, T, A).
    """

    problem: Tensor  # (B,) int64
    instruction: Tensor  # (B, T) int64
    episode: Tensor  # (B, T) int64
    state: Tensor  # (B, T) int64: before the action
    symbol: Tensor  # (B, T) int64: sensed before the action
    action: Tensor  # (B, T) int64
    reward: Tensor  # (B, T) float32
    arrived: Tensor  # (B, T) int64: the state after the action
    done: Tensor  # (B, T) bool: the episode ended with this step
    valid: Tensor  # (B, T) bool: a real action; False in a pause and after the trial's end

    def returns(self, trial: TrialShape) -> Tensor:
        """The return of each trial, undiscounted, over the episodes that count: (B,)."""
        counted = torch.tensor(trial.counted, device=self.reward.device)[self.episode]  # (B, T)
        return (self.reward * counted).sum(dim=1)

    def map(self, change) -> Trials:
        """The same trials with ``change`` applied to every tensor (a slice of the batch, a device)."""
        return Trials(**{f.name: change(getattr(self, f.name)) for f in fields(self)})


class Task(ABC):
    """A family of problems, as every method, view and adapter may use it.

    Attributes:
        name: as in ``course train METHOD NAME``.
        title: for readers.
        trial: how many episodes, how long, which of them are instructed and counted.
        actions: the names of the A actions; of a continuous action, the names of its A axes.
        continuous: actions are (B, A) float32 from −1 to 1, in place of (B,) int64.
        problem_count: M, or None where there are infinitely many.
        instructions: I, instruction 0 included.
        sensed_size: how many numbers a network receives of one moment.
        splits: of a finite task, the problems that training may draw, "train", and those kept for the test.
        end_action, waiting_cost: the action that ends an episode early, and what it costs a step that was left.
    """

    name: str
    title: Bilingual
    trial: TrialShape
    actions: tuple[str, ...]
    continuous: bool = False
    problem_count: int | None = None
    instructions: int = 1
    sensed_size: int
    splits: dict[str, Tensor]
    end_action: int | None = None
    waiting_cost: float = 0.0

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Problems for ``count`` trials from ``split``, on the generator's device."""

    @abstractmethod
    def begin(self, drawn: Drawn, generator: torch.Generator) -> Running:
        """Start one trial for each problem drawn."""

    @abstractmethod
    def sensed(self, drawn: Drawn, symbol: Tensor, instruction: Tensor) -> Tensor:
        """What a network receives of symbols and instructions: (…, sensed_size) float32."""

    def action_features(self, action: Tensor) -> Tensor:
        """What a network receives of an action: one-hot, or the action itself, (…, A)."""
        return action if self.continuous else F.one_hot(action, len(self.actions))

    def check_problem(self, problem: int) -> int:
        """``problem`` itself if it names one; else a CourseError that says which do."""
        try:
            known = not isinstance(problem, bool) and problem == int(problem)
        except (TypeError, ValueError, OverflowError):  # no number, NaN, infinity
            known = False
        if not known or not 0 <= problem < (self.problem_count or 0):
            raise CourseError(
                Bilingual(
                    f"{self.name} 태스크에 문제 {problem}은(는) 없습니다. 0부터 {(self.problem_count or 0) - 1}까지의 정수를 주십시오.",
                    f"Task {self.name} has no problem {problem}. Give an integer from 0 to {(self.problem_count or 0) - 1}.",
                )
            )
        return int(problem)


def check_split(split: str) -> str:
    """``split`` itself if it is "train" or "test"; else a CourseError."""
    if split not in ("train", "test"):
        raise CourseError(
            Bilingual(
                f"'{split}'(이)라는 문제 묶음은 없습니다. 'train' 또는 'test'를 주십시오.",
                f"There is no split '{split}'. Give 'train' or 'test'.",
            )
        )
    return split


class Running(ABC):
    """B trials side by side, each at its own place in its own episode.

    When an episode ends, the agent first sees where it arrived: that step is a *pause*, in which any
    action leads to the start of the next episode of the same problem and pays nothing (unless the trial
    does without pauses). After the last episode the trial is finished and further steps change nothing.

    A family that is not made of tables says what happens: ``symbol``, ``dynamics`` and ``restarted``.
    """

    def __init__(self, task: Task, drawn: Drawn, generator: torch.Generator) -> None:
        count, device = len(drawn.index), drawn.index.device
        zeros = torch.zeros(count, dtype=torch.int64, device=device)
        no = torch.zeros(count, dtype=torch.bool, device=device)
        self.task, self.generator = task, generator
        self.problem = drawn.index  # (B,)
        self.episode = zeros  # (B,)
        self.clock = zeros  # (B,) steps taken in this episode
        self.done = no  # (B,) the last action ended an episode
        self.resting = no  # (B,) in a pause, or after the end of the trial: actions count for nothing
        self.finished = no  # (B,) the trial has ended
        # The last action, and what it paid.
        self.action = torch.zeros(count, len(task.actions), device=device) if task.continuous else zeros
        self.reward = torch.zeros(count, device=device)  # (B,)
        self._instructed = torch.tensor(task.trial.instructed, device=device)  # (K,)
        # One instruction for every episode, drawn now: what an agent does can't change what it is asked.
        self._instruction = self.drawn_instructions() * self._instructed  # (B, K)
        self._first_episode = torch.arange(count, device=device) * task.trial.episodes  # (B,) each trial's row of it
        self.state = self.restarted(~no)  # (B,) int64, or (B, ·) float32
        self.arrived = self.state

    # -- what a family says ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def symbol(self) -> Tensor:
        """What each trial senses now: (B,) int64, or (B, ·) float32."""

    @abstractmethod
    def dynamics(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What ``action`` leads to from ``self.state``.

        Returns:
            The states arrived at (B, …), the rewards (B,) float32, and whether the episode ends there (B,) bool.
        """

    @abstractmethod
    def restarted(self, again: Tensor) -> Tensor:
        """The states in which the trials of ``again`` (B,) bool begin an episode: (B, …); others don't matter."""

    def drawn_instructions(self) -> Tensor:
        """An instruction for each trial and episode, (B, K) int64; the uninstructed ones are dropped later."""
        return torch.zeros(len(self.problem), self.task.trial.episodes, dtype=torch.int64, device=self.problem.device)

    # -- what is the same in all of them ---------------------------------------------------------------------

    @property
    def instruction(self) -> Tensor:
        """What each trial is asked for now: (B,) int64."""
        return self._instruction.flatten().index_select(0, self._first_episode + self.episode)

    def set_instruction(self, instruction: Tensor) -> None:
        """Ask for these goals, (B,) int64, in every instructed episode: for tests and exact comparisons."""
        self._instruction = instruction[:, None] * self._instructed

    def step(self, action: Tensor) -> Tensor:
        """Act once in every trial.

        Args:
            action: (B,) int64, or (B, A) float32 from −1 to 1.
        Returns:
            The rewards: (B,) float32. ``state``, ``done``, ``finished`` and the others have moved on.
        Raises:
            CourseError: there is not one known action for each trial.
        """
        self.check_action(action)
        trial = self.task.trial
        acting = ~self.resting  # (B,)
        arrived, reward, ends = self.dynamics(action)
        self.done = (ends | (self.clock == trial.horizon - 1)) & acting

        pause_over = self.resting & ~self.finished
        self.finished = self.finished | (self.done & (self.episode == trial.episodes - 1))
        again = pause_over if trial.pauses else self.done & ~self.finished  # the next episode starts
        self.arrived = where(acting, arrived, self.state)
        self.state = where(again, self.restarted(again), self.arrived)
        self.clock = (self.clock + acting) * ~again
        self.episode = self.episode + again
        self.resting = (self.finished | self.done) if trial.pauses else self.finished
        self.action, self.reward = action, reward * acting.to(reward.dtype)
        return self.reward

    def check_action(self, action: Tensor) -> None:
        """Raise a CourseError unless there is one known action for each trial."""
        count, names = len(self.problem), len(self.task.actions)
        if not isinstance(action, Tensor):
            kind = type(action).__name__
            raise CourseError(
                Bilingual(
                    f"행동은 트라이얼마다 하나씩인 텐서여야 합니다. 받은 것의 종류: {kind}. `act`에서 `return`이 빠지지 않았는지 보십시오.",
                    f"Actions must be a tensor, one for each trial. Got a {kind}. Look for a missing `return` in `act`.",
                )
            )
        if self.task.continuous:
            expected = Bilingual(f"float32 텐서 ({count}, {names})", f"a float32 tensor ({count}, {names})")
            shaped = action.shape == (count, names) and action.dtype == torch.float32
            known = shaped and bool(action.isfinite().all())
        else:
            expected = Bilingual(
                f"0부터 {names - 1}까지인 int64 텐서 ({count},)", f"an int64 tensor ({count},) from 0 to {names - 1}"
            )
            shaped = action.shape == (count,) and action.dtype == torch.int64
            known = shaped and (count == 0 or _from_0_below(action, names))
        if not known:
            got = f"{action.dtype} {tuple(action.shape)}"
            if shaped and not self.task.continuous:
                got += f", {int(action.min())} … {int(action.max())}"
            elif shaped:
                got += ", NaN / inf"
            raise CourseError(
                Bilingual(
                    f"행동은 트라이얼마다 하나씩, {expected.ko}이어야 합니다. 받은 것: {got}.",
                    f"Actions must be {expected.en}, one for each trial. Got {got}.",
                )
            )


def _from_0_below(numbers: Tensor, limit: int) -> bool:
    lowest, highest = numbers.aminmax()
    return lowest.item() >= 0 and highest.item() < limit


def where(mask: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """``torch.where`` by trial: ``mask`` (B,) chooses between (B,) or (B, ·)."""
    return torch.where(mask if no.dim() == 1 else mask[:, None], yes, no)


def play(
    task: Task, drawn: Drawn, generator: torch.Generator, act, instruction: Tensor | None = None
) -> Trials:
    """Play whole trials with a policy that is a function of the running trials.

    Args:
        act: called as ``act(running) -> action (B,)`` or (B, A) before every step. What it chooses in a pause is
            not an action, so it is dropped: a pause must not carry a message from the policy to itself.
        instruction: (B,) goals to ask for in every instructed episode, instead of drawn ones.
    """
    running, columns = task.begin(drawn, generator), []
    if instruction is not None:
        running.set_instruction(instruction)
    for _ in range(task.trial.length):
        before = dict(
            instruction=running.instruction,
            episode=running.episode,
            state=running.state,
            symbol=running.symbol,
            valid=~running.resting,
        )
        action = act(running)
        if not isinstance(action, Tensor) or action.shape[:1] != running.problem.shape:
            running.check_action(action)
        action = where(running.resting, torch.zeros_like(action), action)
        reward = running.step(action)
        columns.append(
            before | dict(action=action, reward=reward, arrived=running.arrived, done=running.done)
        )
        if running.finished.all():
            break
    return Trials(
        problem=drawn.index, **{k: torch.stack([column[k] for column in columns], dim=1) for k in columns[0]}
    )
