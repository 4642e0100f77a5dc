"""A task is data: every finite task of the course is a handful of tables.

Words, used in this sense everywhere:

- a **problem** μ is one member of the task's family (one city, one bandit); the agent never sees μ;
- an **instruction** is what an episode asks for (a goal). Instruction 0 asks for nothing: exploration;
- a **trial** is a few episodes in one problem. The last is execution, the earlier ones exploration;
- a **symbol** is the number of what the agent senses in a state. Its row of ``features`` is what a
  network receives.

Shapes: the batch of trials B is the first axis; in stored trajectories time T is the second.
M problems, I instructions, S states, A actions, F features, K episodes.

From the tables follow the batched step below (a few gathers), the gymnasium environments
(``tasks.gym``), the exact belief and values (``course_lib.exact``) and the drawing (``views``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError


@dataclass(frozen=True)
class Tables:
    """M problems over the same S states and A actions. Transitions are deterministic given the problem.

    ``reward`` is the mean; with ``bernoulli`` it is the probability of reward 1. An axis of size 1
    in ``reward`` or ``ends`` means: the same for every problem.
    """

    next_state: Tensor  # (M, S, A) int64
    reward: Tensor  # (M or 1, I, S, A) float32
    ends: Tensor  # (M or 1, I, S) bool: arriving in this state ends the episode
    sense: Tensor  # (M, S) int64: the symbol sensed in each state
    features: Tensor  # (symbols, F) float32
    start: int  # the state in which every episode begins
    bernoulli: bool = False

    @property
    def problems(self) -> int:
        return self.next_state.shape[0]

    @property
    def states(self) -> int:
        return self.next_state.shape[1]

    @property
    def instructions(self) -> int:
        return self.reward.shape[1]

    @cached_property
    def reward_by_problem(self) -> Tensor:
        """``reward`` with its first axis of full size M, without copying: (M, I, S, A)."""
        return self.reward.expand(self.problems, -1, -1, -1)

    def to(self, device: torch.device | str) -> Tables:
        """The same tables on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in moved.items()}
        return Tables(**moved)


@dataclass(frozen=True)
class TrialShape:
    """K episodes of at most ``horizon`` steps each.

    ``instructed[k]``: episode k draws an instruction from 1 … I−1; otherwise it has instruction 0.
    ``counted[k]``: the rewards of episode k belong to the return of the trial.
    ``pauses``: the agent sees where an episode ended before the next one starts, in a step of its own. A
    bandit has nothing to see there, and does without.
    """

    horizon: int
    instructed: tuple[bool, ...]
    counted: tuple[bool, ...]
    pauses: bool = True

    @property
    def episodes(self) -> int:
        return len(self.instructed)

    @property
    def length(self) -> int:
        """T, the longest trial in steps: K·horizon, and the pauses between episodes."""
        return self.episodes * self.horizon + (self.episodes - 1) * self.pauses


@dataclass(frozen=True)
class Drawn:
    """Problems drawn for B trials: trial b plays problem ``index[b]`` of ``tables``."""

    tables: Tables
    index: Tensor  # (B,) int64


@dataclass(frozen=True)
class Trials:
    """What happened in B trials, as plain tensors. Column t holds what the agent saw, then did, at t."""

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


class TableTask:
    """A finite family of problems given by its tables.

    Args:
        name: as in ``course train METHOD NAME``.
        title: for readers.
        tables: the M problems.
        trial: how many episodes, how long, which of them are instructed and counted.
        actions: a name for each of the A actions.
        train, test: the problems that training may draw, and those kept for the test: (.,) int64.
        end_action: the action that ends an episode, or None.
        waiting_cost: what ending an episode early costs for every step that was left.
    """

    def __init__(
        self,
        name: str,
        title: Bilingual,
        tables: Tables,
        trial: TrialShape,
        actions: tuple[str, ...],
        train: Tensor,
        test: Tensor,
        end_action: int | None = None,
        waiting_cost: float = 0.0,
    ) -> None:
        self.name, self.title = name, title
        self.tables, self.trial, self.actions = tables, trial, actions
        self.splits = {"train": train, "test": test}
        self.end_action, self.waiting_cost = end_action, waiting_cost
        self._tables_by_device = {tables.next_state.device: tables}

    @property
    def problem_count(self) -> int:
        return self.tables.problems

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Problems for ``count`` trials, uniformly from ``split``.

        Raises:
            CourseError: the split is neither "train" nor "test".
        """
        allowed = self.splits[check_split(split)].to(generator.device)
        chosen = torch.randint(len(allowed), (count,), generator=generator, device=generator.device)
        return Drawn(self.tables_on(generator.device), allowed[chosen])

    def tables_on(self, device: torch.device) -> Tables:
        """The tables on a device, moved there once."""
        if device not in self._tables_by_device:
            self._tables_by_device[device] = self.tables.to(device)
        return self._tables_by_device[device]

    def each(self, copies: int = 1, split: str = "test") -> Drawn:
        """Every problem of ``split``, ``copies`` times: no randomness in which problems are played."""
        return Drawn(self.tables, self.splits[check_split(split)].repeat_interleave(copies))

    def begin(self, drawn: Drawn, generator: torch.Generator) -> RunningTrials:
        """Start one trial for each problem drawn."""
        return RunningTrials(self, drawn, generator)

    def check_problem(self, problem: int) -> int:
        """``problem`` itself if it names one; else a CourseError that says which do."""
        try:
            known = not isinstance(problem, bool) and problem == int(problem)
        except (TypeError, ValueError, OverflowError):  # no number, NaN, infinity
            known = False
        if not known or not 0 <= problem < self.problem_count:
            raise CourseError(
                Bilingual(
                    f"{self.name} 태스크에 문제 {problem}은(는) 없습니다. 0부터 {self.problem_count - 1}까지의 정수를 주십시오.",
                    f"Task {self.name} has no problem {problem}. Give an integer from 0 to {self.problem_count - 1}.",
                )
            )
        return int(problem)


def check_split(split: str) -> str:
    """``split`` itself if it is "train" or "test"; else a CourseError."""
    if split not in ("train", "test"):
        raise CourseError(
            Bilingual(
                f"'{split}'라는 문제 묶음은 없습니다. 'train' 또는 'test'를 주십시오.",
                f"There is no split '{split}'. Give 'train' or 'test'.",
            )
        )
    return split


class RunningTrials:
    """B trials side by side, each at its own place in its own episode.

    When an episode ends, the agent first sees where it arrived: that step is a *pause*, in which any
    action leads to the start of the next episode of the same problem and pays nothing (unless the trial
    does without pauses). After the last episode the trial is finished and further steps change nothing.
    """

    def __init__(self, task: TableTask, drawn: Drawn, generator: torch.Generator) -> None:
        count, device = len(drawn.index), drawn.index.device
        zeros = torch.zeros(count, dtype=torch.int64, device=device)
        self.task, self.tables, self.generator = task, drawn.tables, generator
        self.problem = drawn.index  # (B,)
        self.episode = zeros  # (B,)
        self.clock = zeros  # (B,) steps taken in this episode
        self.state = torch.full_like(zeros, self.tables.start)  # (B,)
        no = torch.zeros(count, dtype=torch.bool, device=device)
        self.done = no  # (B,) the last action ended an episode
        self.resting = no  # (B,) in a pause, or after the end of the trial: actions count for nothing
        self.finished = no  # (B,) the trial has ended
        self.action = zeros  # (B,) the last action, and what it paid
        self.reward = torch.zeros(count, device=device)  # (B,)
        self._instructed = torch.tensor(task.trial.instructed, device=device)  # (K,)
        # One instruction for every episode, drawn now: what an agent does can't change what it is asked.
        drawn_instruction = torch.randint(
            1, max(2, self.tables.instructions), (count, task.trial.episodes), generator=generator, device=device
        )
        self._instruction = drawn_instruction * self._instructed  # (B, K)

    @property
    def instruction(self) -> Tensor:
        """What each trial is asked for now: (B,) int64."""
        return self._instruction.gather(1, self.episode[:, None])[:, 0]

    @property
    def symbol(self) -> Tensor:
        """What each trial senses now: (B,) int64."""
        return self.tables.sense[self.problem, self.state]

    def set_instruction(self, instruction: Tensor) -> None:
        """Ask for these goals, (B,) int64, in every instructed episode: for tests and exact comparisons."""
        self._instruction = instruction[:, None] * self._instructed

    def step(self, action: Tensor) -> Tensor:
        """Act once in every trial.

        Args:
            action: (B,) int64.
        Returns:
            The rewards: (B,) float32. ``state``, ``done``, ``finished`` and the others have moved on.
        Raises:
            CourseError: there is not one whole-numbered action for each trial.
        """
        if action.shape != self.problem.shape or action.dtype != torch.int64:
            raise CourseError(
                Bilingual(
                    f"행동은 트라이얼마다 하나씩, int64 텐서 ({len(self.problem)},)이어야 합니다. 받은 것: "
                    f"{action.dtype} {tuple(action.shape)}.",
                    f"Actions must be an int64 tensor ({len(self.problem)},), one for each trial. Got "
                    f"{action.dtype} {tuple(action.shape)}.",
                )
            )
        tables, trial = self.tables, self.task.trial
        acting = ~self.resting  # (B,)
        pausing = self.resting & ~self.finished  # (B,)

        instruction = self.instruction
        arrived = tables.next_state[self.problem, self.state, action]
        shared_reward, shared_ends = tables.reward.shape[0] == 1, tables.ends.shape[0] == 1
        reward = tables.reward[0 if shared_reward else self.problem, instruction, self.state, action]
        ends = tables.ends[0 if shared_ends else self.problem, instruction, arrived]
        if tables.bernoulli:
            chance = torch.rand(reward.shape, generator=self.generator, device=reward.device)
            reward = (chance < reward).float()

        clock = self.clock + 1
        ends = ends | (clock == trial.horizon)
        if self.task.end_action is not None:
            ending = action == self.task.end_action
            ends = ends | ending
            left = (trial.horizon - clock) * ending * (instruction > 0)
            reward = reward - self.task.waiting_cost * left

        self.done = ends & acting
        self.finished = self.finished | (self.done & (self.episode == trial.episodes - 1))
        self.arrived = torch.where(acting, arrived, self.state)  # (B,)
        again = pausing if trial.pauses else self.done & ~self.finished  # the next episode starts
        self.state = torch.where(again, tables.start, self.arrived)
        self.clock = torch.where(again, 0, torch.where(acting, clock, self.clock))
        self.episode = self.episode + again
        self.resting = self.finished | (self.done & trial.pauses)
        self.action, self.reward = action, reward * acting
        return self.reward


def play(
    task: TableTask, drawn: Drawn, generator: torch.Generator, act, instruction: Tensor | None = None
) -> Trials:
    """Play whole trials with a policy that is a function of the running trials.

    Args:
        act: called as ``act(running) -> action (B,)`` before every step. What it chooses in a pause is not
            an action, so it is dropped: a pause must not carry a message from the policy to itself.
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
        action = act(running) * ~running.resting
        reward = running.step(action)
        columns.append(
            before | dict(action=action, reward=reward, arrived=running.arrived, done=running.done)
        )
        if running.finished.all():
            break
    return Trials(
        problem=drawn.index, **{k: torch.stack([column[k] for column in columns], dim=1) for k in columns[0]}
    )
