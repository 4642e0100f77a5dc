"""A task is data: every finite task of the course is a handful of tables.

From the tables follow the batched step below (a few gathers), the gymnasium environments (``tasks.gym``), the
exact belief and values (``course_lib.exact``) and the drawing (``views``). The words and the shapes are those of
``tasks.task``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks.task import Drawn, Running, Task, TrialShape, check_split


@dataclass(frozen=True)
class Tables:
    """M problems over the same S states and A actions.

    ``reward`` is the mean. With ``reward_noise`` "bernoulli" it is the probability of reward 1; with "normal" a
    draw of unit standard deviation is added. An axis of size 1 in ``reward`` or ``ends`` means: the same for
    every problem.

    Raises:
        CourseError: a table has another dtype or shape than stands below, or a number in it is of no state or symbol.
    """

    next_state: Tensor | None  # (M, S, A) int64; None where ``transition`` gives chances instead
    reward: Tensor  # (M or 1, I, S, A) float32
    ends: Tensor  # (M or 1, I, S) bool: arriving in this state ends the episode
    sense: Tensor  # (M, S) int64: the symbol sensed in each state
    features: Tensor  # (symbols, F) float32
    start: int  # the state in which every episode begins
    reward_noise: str = "none"
    transition: Tensor | None = None  # (M, S, A, S) float32: the chance of arriving in each state
    instruction_chance: Tensor | None = None  # (M, I) float32: how often each is asked; None: 1 … I−1 alike
    instruction_features: Tensor | None = None  # (I − 1, G) float32: what each consists of; None: of itself alone
    pictures: Tensor | None = None  # (S,) int64: so many symbols, from ``sense`` on, one drawn each time; None: 1

    def __post_init__(self) -> None:
        check_shapes(self)
        check_numbers(self)
        check_chances(self)
        for f in fields(self):  # row by row in memory, so that one number finds an entry
            if isinstance(value := getattr(self, f.name), Tensor):
                object.__setattr__(self, f.name, value.contiguous())

    @property
    def problems(self) -> int:
        return self.sense.shape[0]

    @property
    def states(self) -> int:
        return self.sense.shape[1]

    @property
    def instructions(self) -> int:
        return self.reward.shape[1]

    @property
    def actions(self) -> int:
        return self.reward.shape[3]

    @property
    def random(self) -> bool:
        """Whether chance has a part in what happens: then no single step rules a problem out for certain.

        ``pictures`` have no part in it: they are drawn alike in all problems, so they change only what is seen.
        """
        return self.transition is not None or self.reward_noise != "none"

    @cached_property
    def reward_by_problem(self) -> Tensor:
        """``reward`` with its first axis of full size M, without copying: (M, I, S, A)."""
        return self.reward.expand(self.problems, -1, -1, -1)

    @cached_property
    def ends_by_action(self) -> Tensor:
        """Whether what an action leads to ends the episode: (M, I, S, A) bool."""
        goes = self.next_state[:, None].expand(-1, self.instructions, -1, -1).flatten(2)  # (M, I, S·A)
        return self.ends.expand(self.problems, -1, -1).gather(2, goes).view(-1, *self.reward.shape[1:])

    @cached_property
    def reaching(self) -> Tensor:
        """``transition`` summed up to each state, by which one is drawn: (M, S, A, S)."""
        return self.transition.cumsum(dim=-1)

    def to(self, device: torch.device | str) -> Tables:
        """The same tables on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in moved.items()}
        return Tables(**moved)


NOISES = ("none", "bernoulli", "normal")
INTEGERS, FLOATS, FLOAT, TRUTH = (torch.int64, torch.int32), (torch.float32, torch.float64), (torch.float32,), (torch.bool,)
SHAPES = {  # table: its axes, and the dtypes that work, the usual one first. Whichever has a letter first says its size
    "sense": (("M", "S"), INTEGERS),
    "next_state": (("M", "S", "A"), INTEGERS),
    "transition": (("M", "S", "A", "S"), FLOATS),
    "reward": (("M or 1", "I", "S", "A"), FLOATS),
    "ends": (("M or 1", "I", "S"), TRUTH),
    "features": (("symbols", "F"), FLOAT),  # what networks read: float64 would not fit their weights
    "instruction_chance": (("M", "I"), FLOATS),
    "instruction_features": (("I − 1", "G"), FLOAT),
    "pictures": (("S",), INTEGERS),
}


def check_shapes(tables: Tables) -> None:
    """Raise a CourseError unless each table is as ``SHAPES`` has it.

    What is not would be found out later, by an error from the depths of the library, or by nobody.
    """
    optional = {f.name for f in fields(tables) if f.default is None}
    if tables.transition is not None:
        optional.add("next_state")
    sizes: dict[str, int] = {}
    for name, (axes, dtypes) in SHAPES.items():
        table = getattr(tables, name)
        if table is None and name in optional:
            continue
        fits = isinstance(table, Tensor) and table.dtype in dtypes and table.dim() == len(axes)
        if not fits or not all(_may_be(size, axis, sizes) for axis, size in zip(axes, table.shape, strict=True)):
            got = f"{table.dtype} {tuple(table.shape)}" if isinstance(table, Tensor) else type(table).__name__
            shape = ", ".join(axes)
            known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items() if letter in shape)
            raise CourseError(
                Bilingual(
                    f"태스크의 표 `{name}`에는 {dtypes[0]} 텐서 ({shape})가 필요합니다"
                    f"{known and f'(다른 표에 따르면 {known})'}. 받은 것: {got}.",
                    f"The task's table `{name}` must be a tensor of {dtypes[0]}, ({shape})"
                    f"{known and f', with {known} as in the other tables'}. Got {got}.",
                )
            )


def _may_be(size: int, axis: str, sizes: dict[str, int]) -> bool:
    """Whether an axis may be of this size. A letter that is met for the first time is of this size from now on."""
    if axis == "M or 1":
        return size in (1, sizes["M"])
    if axis == "I − 1":
        return size == sizes["I"] - 1
    return size == sizes.setdefault(axis, size)


def check_numbers(tables: Tables) -> None:
    """Raise a CourseError where a table names a state or a symbol that there is not, or holds what is no number."""
    if not isinstance(tables.start, int) or isinstance(tables.start, bool):
        raise CourseError(
            Bilingual(
                f"태스크의 `start`에는 상태의 번호를 정수로 주십시오. 받은 것: {tables.start!r}.",
                f"`start` of the task must be the number of a state, an integer. Got {tables.start!r}.",
            )
        )
    if not tables.states or not tables.actions:
        raise CourseError(
            Bilingual(
                "태스크에는 상태와 행동이 적어도 하나씩 있어야 합니다. 받은 것: "
                f"상태 {tables.states}개, 행동 {tables.actions}개.",
                "A task needs at least one state and one action. Got "
                f"{tables.states} states and {tables.actions} actions.",
            )
        )
    for name in ("reward", "features", "instruction_features"):
        table = getattr(tables, name)
        if table is not None and not table.isfinite().all():
            raise CourseError(
                Bilingual(
                    f"태스크의 표 `{name}`에 NaN이나 무한대가 있습니다. 유한한 수만 주십시오.",
                    f"The task's table `{name}` holds NaN or infinity. Give finite numbers only.",
                )
            )
    last_symbol = tables.sense if tables.pictures is None else tables.sense + tables.pictures - 1
    states, symbols = Bilingual("상태", "states"), Bilingual("기호(`features`의 행)", "symbols (rows of `features`)")
    for name, numbers, count, of in (
        ("next_state", tables.next_state, tables.states, states),
        ("sense", last_symbol, len(tables.features), symbols),
        ("start", torch.as_tensor(tables.start), tables.states, states),
    ):
        if numbers is None or not numbers.numel():
            continue
        least, most = map(int, numbers.aminmax())
        if least < 0 or most >= count:
            raise CourseError(
                Bilingual(
                    f"태스크의 `{name}`에는 0부터 {count - 1}까지의 정수를 주십시오. {of.ko}가 {count}개입니다. 받은 것: {least} … {most}.",
                    f"`{name}` of the task must hold integers from 0 to {count - 1}, for there are {count} {of.en}. "
                    f"Got {least} … {most}.",
                )
            )


def check_chances(tables: Tables) -> None:
    """Raise a CourseError unless what is a chance is one, and the noise one that there is."""
    if tables.reward_noise not in NOISES:
        raise CourseError(
            Bilingual(
                f"`reward_noise`는 {', '.join(NOISES)} 가운데 하나입니다. 받은 것: {tables.reward_noise!r}.",
                f"`reward_noise` is one of {', '.join(NOISES)}. Got {tables.reward_noise!r}.",
            )
        )
    for name in ("transition", "instruction_chance"):
        chance = getattr(tables, name)
        if chance is None:
            continue
        if (chance < 0).any() or not torch.allclose(chance.sum(dim=-1), torch.ones((), dtype=chance.dtype), atol=1e-4):
            raise CourseError(
                Bilingual(
                    f"태스크의 표 `{name}`은 마지막 축을 따라 0 이상이고 더해서 1인 확률이어야 합니다.",
                    f"The task's table `{name}` must hold chances: at least 0, and adding up to 1 along the last axis.",
                )
            )
    if tables.instruction_chance is not None and (tables.instruction_chance[:, 0] != 0).any():
        raise CourseError(
            Bilingual(
                "`instruction_chance`의 첫 열, 곧 지시 0(탐험)은 0이어야 합니다. 지시는 1부터 I − 1까지 가운데에서 뽑습니다.",
                "The first column of `instruction_chance`, instruction 0 (exploration), must be 0: what is asked is drawn "
                "from 1 to I − 1.",
            )
        )


class TableFamily(Task):
    """Tasks made of tables. ``tables`` are those of all problems, or, where these are infinitely many, of one."""

    tables: Tables

    @property
    def instructions(self) -> int:
        return self.tables.instructions

    @property
    def sensed_size(self) -> int:
        return self.tables.features.shape[1] + self.tables.instructions

    def begin(self, drawn: Drawn, generator: torch.Generator) -> RunningTrials:
        return RunningTrials(self, drawn, generator)

    def sensed(self, drawn: Drawn, symbol: Tensor, instruction: Tensor) -> Tensor:
        """The features of what is sensed, and the instruction one-hot: (…, F + I)."""
        asked = F.one_hot(instruction, drawn.tables.instructions).to(drawn.tables.features.dtype)
        return torch.cat([F.embedding(symbol, drawn.tables.features), asked], dim=-1)


class TableTask(TableFamily):
    """A finite family of problems given by its tables.

    Args:
        tables: the M problems.
        train, test: the problems that training may draw, and those kept for the test: (.,) int64.
        name, title, trial, actions, end_action, waiting_cost: see ``Task``.
    Raises:
        CourseError: an action has no name or a name no action; a split holds numbers of no problem; an episode is
            instructed where there is nothing to ask for.
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
        self._check()
        self._tables_by_device = {tables.sense.device: tables}
        self._ending_by_device: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def _check(self) -> None:
        """Raise a CourseError unless names, splits and trial fit the tables."""
        named, actions, problems = len(self.actions), self.tables.actions, self.tables.problems
        if named != actions:
            raise CourseError(
                Bilingual(
                    f"태스크 {self.name}의 표에는 행동이 {actions}개인데 이름은 {named}개입니다. 행동마다 이름을 하나씩 주십시오.",
                    f"Task {self.name} has {actions} actions in its tables and {named} names. Give each action a name.",
                )
            )
        whole = isinstance(self.end_action, int) and not isinstance(self.end_action, bool)
        if self.end_action is not None and not (whole and 0 <= self.end_action < actions):
            raise CourseError(
                Bilingual(
                    f"`end_action`에는 0부터 {actions - 1}까지의 행동 번호나 None을 주십시오. 받은 것: {self.end_action!r}.",
                    f"`end_action` takes the number of an action, from 0 to {actions - 1}, or None. Got {self.end_action!r}.",
                )
            )
        for split, numbers in self.splits.items():
            known = isinstance(numbers, Tensor) and numbers.dtype == torch.int64 and numbers.dim() == 1 and len(numbers)
            if not known or int(numbers.min()) < 0 or int(numbers.max()) >= problems:
                raise CourseError(
                    Bilingual(
                        f"`{split}`에는 0부터 {problems - 1}까지의 문제 번호를 1차원 int64 텐서로 주십시오. 받은 것: {numbers}.",
                        f"`{split}` takes the numbers of problems, from 0 to {problems - 1}, as an int64 tensor of one "
                        f"axis. Got {numbers}.",
                    )
                )
        if any(self.trial.instructed) and self.tables.instructions < 2:
            raise CourseError(
                Bilingual(
                    f"태스크 {self.name}의 표에는 지시가 0 하나뿐이라 실행에서 지시할 것이 없습니다. `instructed`를 모두 False로 하거나 "
                    "`reward`의 지시 축을 늘리십시오.",
                    f"The tables of task {self.name} have no instruction but 0, so there is nothing to ask for. Make "
                    "`instructed` False for every episode, or give `reward` more instructions.",
                )
            )

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

    def ending_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """What the end action does, as tables (M, I, S, A): bool, it ends the episode, as arriving at some states does;
        float32, the cost of each step that is left then, if one was asked for something."""
        if device not in self._ending_by_device:
            tables = self.tables_on(device)
            shape = (tables.problems, *tables.reward.shape[1:])
            ends = torch.zeros(shape, dtype=torch.bool, device=device)
            if tables.transition is None:
                ends |= tables.ends_by_action
            cost = torch.zeros(shape, device=device)
            ends[..., self.end_action], cost[:, 1:, :, self.end_action] = True, self.waiting_cost
            self._ending_by_device[device] = ends, cost
        return self._ending_by_device[device]

    def each(self, copies: int = 1, split: str = "test") -> Drawn:
        """Every problem of ``split``, ``copies`` times: no randomness in which problems are played."""
        return Drawn(self.tables, self.splits[check_split(split)].repeat_interleave(copies))


class RunningTrials(Running):
    """Trials that step through tables.

    A table of any number of axes is read as one long row, at places that are mostly known beforehand: for many
    problems at once that is the cheapest gather there is.
    """

    def __init__(self, task: TableFamily, drawn: Drawn, generator: torch.Generator) -> None:
        tables = self.tables = drawn.tables
        self._sense_row = drawn.index * tables.states  # (B,) where each problem's states begin
        self._next_row = self._sense_row * tables.actions
        self._starts = torch.full_like(drawn.index, tables.start)
        self._picture = self._drawn_picture(len(drawn.index), generator)
        super().__init__(task, drawn, generator)
        self._rewards = tables.reward_by_problem.flatten()
        if task.end_action is not None:
            self._ends, self._waiting_costs = (table.view(-1) for table in task.ending_on(drawn.index.device))
        elif tables.transition is None:
            self._ends = tables.ends_by_action.view(-1)
        self._find_rows()

    def _find_rows(self) -> None:
        """Where the rewards of each trial's episodes begin: (B, K), flattened to (B·K,)."""
        asked = self.problem[:, None] * self.tables.instructions + self._instruction  # (B, K)
        self._reward_rows = asked.flatten() * (self.tables.states * self.tables.actions)

    def _drawn_picture(self, count: int, generator: torch.Generator) -> Tensor | None:
        """Which picture each trial would see now, if it stands where there are some: from 0 to 1, (B,)."""
        if self.tables.pictures is None:
            return None
        return torch.rand(count, generator=generator, device=generator.device)

    @property
    def symbol(self) -> Tensor:
        symbol = self.tables.sense.view(-1).index_select(0, self._sense_row + self.state)  # (B,)
        if self._picture is None:
            return symbol
        return symbol + (self._picture * self.tables.pictures[self.state]).long()

    def restarted(self, again: Tensor) -> Tensor:
        return self._starts

    def drawn_instructions(self) -> Tensor:
        count, episodes = len(self.problem), self.task.trial.episodes
        if self.tables.instruction_chance is not None and any(self.task.trial.instructed):
            chance = self.tables.instruction_chance[self.problem]  # (B, I)
            return torch.multinomial(chance, episodes, replacement=True, generator=self.generator)
        return torch.randint(
            1, max(2, self.tables.instructions), (count, episodes), generator=self.generator, device=self.problem.device
        )

    def set_instruction(self, instruction: Tensor) -> None:
        super().set_instruction(instruction)
        self._find_rows()

    def dynamics(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        task, tables = self.task, self.tables
        self._picture = self._drawn_picture(len(action), self.generator)
        now = self._first_episode + self.episode  # (B,) this trial's episode among all
        place = torch.add(action, self.state, alpha=tables.actions)  # (B,) of (state, action) in its table
        reward_place = self._reward_rows.index_select(0, now) + place
        reward = self._rewards.index_select(0, reward_place)
        if tables.transition is None:
            arrived = tables.next_state.view(-1).index_select(0, self._next_row + place)
            ends = self._ends.index_select(0, reward_place)
        else:
            up_to = tables.reaching.view(-1, tables.states).index_select(0, self._next_row + place)  # (B, S)
            chance = torch.rand(len(action), 1, generator=self.generator, device=action.device)
            arrived = (up_to < chance).sum(dim=1).clamp(max=tables.states - 1)
            ends = tables.ends.expand(tables.problems, -1, -1)[self.problem, self.instruction, arrived]
            if task.end_action is not None:
                ends = ends | self._ends.index_select(0, reward_place)
        if tables.reward_noise == "bernoulli":
            chance = torch.rand(reward.shape, generator=self.generator, device=reward.device)
            reward = (chance < reward).float()
        elif tables.reward_noise == "normal":
            reward = reward + torch.randn(reward.shape, generator=self.generator, device=reward.device)
        if task.end_action is not None:
            left = task.trial.horizon - 1 - self.clock  # −1 once all is over, which is paid no more
            reward = torch.addcmul(reward, left, self._waiting_costs.index_select(0, reward_place), value=-1)
        return arrived, reward, ends
