"""A city to explore yourself: you are the agent of one trial, and the exact belief stands beside it.

    game = explore_city("map", seed=0)
    game                       # arrow keys, clicks and buttons
    game.step("right", "ride") # the same from Python, without a browser

A round is nothing but a problem, a goal and two lists of actions (the trait ``played``). Everything shown
follows from these by replaying them through the task's tables: here with the task's own batched step and
``course_lib.exact``, in the browser (``static/city.js``) from the same tables, sent once. So the game goes on
while the kernel is busy or gone; the price is that the hidden problem lies in the browser's memory.
"""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from torch import Tensor

from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import exact_belief, knowledge_of, optimal_values, possible_problems
from course_lib.tasks import City, Drawn, NoisyTV, Trials, make_task
from course_lib.training import seeded
from course_lib.views.figure import EXECUTE, EXPLORE, INK, LINE, SOFT, dress_text, hangul_font

STATIC = Path(__file__).parent / "static"
DRAWN_AHEAD = 64  # rounds that a seed determines; then they begin again
SOLVED_PROBLEMS = 100  # so many are solved while a learner waits, in about a second
BUS, MAP, ROAD, TILE = "#00805e", "#b5588c", "#e6ebef", "#f6f8fa"  # as in city.css
SET, SCREEN, LIT = "#8a929b", "#1d2329", "#f0e442"  # the television


def explore_city(task_name: str = "map", seed: int = 0, show_belief: bool = True) -> CityExplorer:
    """One trial after another in hidden cities, played by you.

    Args:
        task_name: "map", "homework-map" or "noisy-tv".
        seed: which problems and goals come, one round after the other, and what a television shows.
        show_belief: whether the belief is shown from the start; a button hides and shows it.
    Raises:
        CourseError: the task is no city, or has so many problems that solving it would take minutes; or no such seed.
    """
    task = make_task(task_name)
    if not isinstance(task, City):
        raise CourseError(
            Bilingual(
                f"'{task_name}'은(는) 도시가 아닙니다. 'map', 'homework-map', 'noisy-tv' 가운데 하나를 주십시오.",
                f"'{task_name}' is no city. Give 'map', 'homework-map' or 'noisy-tv'.",
            )
        )
    if task.problem_count > SOLVED_PROBLEMS:
        raise CourseError(
            Bilingual(
                f"'{task_name}'에는 도시가 {task.problem_count}개나 있어 정확히 푸는 데 몇 분이 걸립니다. "
                "'map', 'homework-map', 'noisy-tv' 가운데 하나를 주십시오.",
                f"'{task_name}' has {task.problem_count} cities: to solve it exactly takes minutes. "
                "Give 'map', 'homework-map' or 'noisy-tv'.",
            )
        )
    return CityExplorer(task, seed, show_belief)


# ---- what a round is worth, exactly ------------------------------------------------------------------


@dataclass(frozen=True)
class Stakes:
    """Exact returns that a round is compared with."""

    walking: float  # execution without any exploration
    optimum: float  # exploring as well as possible, then executing
    by_knowledge: dict[tuple[int, ...], Tensor]  # set of possible problems → (goals,) best expected return
    known: Tensor  # (M, goals): the best return when the problem is known


@cache
def stakes(task_name: str) -> Stakes:
    """Solve the task once a session: about a second."""
    task = make_task(task_name)
    knowledge = knowledge_of(task)
    return Stakes(
        walking=knowledge.no_exploration,
        optimum=knowledge.with_exploration,
        by_knowledge=knowledge.start_values(list(range(1, task.instructions))),
        known=optimal_values(task)[:, 1:],
    )


# ---- one round, replayed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """Where a round stands after its actions."""

    phase: str  # "exploration", "between" (the goal is named), "execution" or "over"
    clock: int  # steps taken in this episode
    state: int
    trials: Trials  # B = 1; the last column is the present: sensed, but not acted in


def replay(task: City, played: dict, pictures: list[int] | None = None) -> Round:
    """Run the actions of a round through the task's own batched step.

    Args:
        pictures: of a television, the one to be seen before each action; the browser has the same list.
    """
    running = task.begin(Drawn(task.tables, torch.tensor([played["problem"]])), torch.Generator())
    running.set_instruction(torch.tensor([played["goal"] + 1]))
    columns = []

    def present() -> dict[str, Tensor]:
        symbol = running.symbol
        if pictures is not None and task.watching(running.state):
            symbol = running.tables.sense[running.problem, running.state] + pictures[len(columns)]
        return dict(
            instruction=running.instruction, episode=running.episode, state=running.state, symbol=symbol
        )

    def act(action: int) -> None:
        column = present() | dict(valid=~running.resting, action=torch.tensor([action]))
        reward = running.step(column["action"])
        columns.append(column | dict(reward=reward, arrived=running.arrived, done=running.done))

    for action in played["exploration"]:
        act(action)
    if played["execution"] is not None:
        act(0)  # the pause between the episodes: any action leads back to the start
        for action in played["execution"]:
            act(action)

    nothing = torch.zeros(1, dtype=torch.bool)
    columns.append(
        present()
        | dict(valid=nothing, done=nothing, reward=torch.zeros(1), arrived=running.state)
        | dict(action=torch.tensor([0]))
    )
    stacked = {name: torch.stack([column[name] for column in columns], dim=1) for name in columns[0]}
    phase = "execution" if int(running.episode) else "exploration"
    if running.finished:
        phase = "over"
    elif running.resting:
        phase = "between"
    return Round(phase, int(running.clock), int(running.state), Trials(problem=running.problem, **stacked))


def marginals(task: City, belief: Tensor) -> Tensor:
    """p(bus i goes to destination j) under a belief over problems.

    Args:
        belief: (M,).
    Returns:
        (buses, destinations), each row summing to 1.
    """
    goes = torch.nn.functional.one_hot(torch.tensor(task.routes)).float()  # (M, buses, destinations)
    return torch.einsum("m,mij->ij", belief, goes)


# ---- the game ----------------------------------------------------------------------------------------


class CityExplorer(anywidget.AnyWidget):
    """What ``explore_city`` returns.

    ``step("right")``, ``ride()``, ``wait()``, ``end()`` act; ``new_city()`` and ``same_city()`` begin again.
    ``phase``, ``cell``, ``belief``, ``marginals``, ``information`` and ``trials`` say where the round stands;
    ``rounds`` lists the finished ones, however they were played.
    """

    _esm = STATIC / "city.js"
    _css = STATIC / "city.css"

    city = traitlets.Dict().tag(sync=True)  # the plan, and the exact values of ``Stakes``
    next_state = traitlets.Bytes().tag(sync=True)  # (M, S, A) int16
    sense = traitlets.Bytes().tag(sync=True)  # (M, S) int16
    reward = traitlets.Bytes().tag(sync=True)  # (M, I, S, A) uint8: an index into city["rewards"]
    ends = traitlets.Bytes().tag(sync=True)  # (I, S) uint8
    played = traitlets.Dict().tag(sync=True)
    rounds = traitlets.List().tag(sync=True)
    show_belief = traitlets.Bool(True).tag(sync=True)

    def __init__(self, task: City, seed: int = 0, show_belief: bool = True) -> None:
        self.task, self.stakes = task, stakes(task.name)
        tables = task.tables
        generator = seeded(seed, "cpu")
        problems = task.draw(DRAWN_AHEAD, generator).index
        goals = torch.randint(len(task.goals), (DRAWN_AHEAD,), generator=generator)
        self._draws = torch.stack([problems, goals], dim=1).tolist()  # [[problem, goal], …]
        self._pictures = None  # (DRAWN_AHEAD, steps) nested lists: what a television would show
        if isinstance(task, NoisyTV):
            looks = task.trial.length + 1  # before every action, and after the last
            self._pictures = torch.randint(task.pictures, (DRAWN_AHEAD, looks), generator=generator).tolist()
        rewards, reward_code = tables.reward_by_problem.unique(return_inverse=True)
        super().__init__(
            city=self._city() | dict(rewards=rounded(rewards), draws=self._draws),
            next_state=as_bytes(tables.next_state, np.int16),
            sense=as_bytes(tables.sense, np.int16),
            reward=as_bytes(reward_code, np.uint8),
            ends=as_bytes(tables.ends[0], np.uint8),
            played=self._fresh(turn=0),
            show_belief=show_belief,
        )

    def _city(self) -> dict:
        task, known = self.task, self.stakes.by_knowledge
        return dict(
            name=task.name,
            title=task.title._asdict(),
            width=task.width,
            height=task.height,
            stops=task.plan.stops,
            destinations=task.plan.destinations,
            goals=task.goals,
            map=task.map_cell,
            tv=self._pictures and dict(cell=task.tv_cell, pictures=self._pictures, kinds=task.pictures),
            routes=task.routes,
            actions=task.actions,
            end=task.end_action,
            start=task.tables.start,
            problems=task.problem_count,
            horizon=task.trial.horizon,
            waiting_cost=task.waiting_cost,
            walking=rounded(self.stakes.walking),
            optimum=rounded(self.stakes.optimum),
            known=rounded(self.stakes.known),
            # a set of problems as a bit mask, so that the browser can look it up
            knowledge={str(sum(1 << m for m in problems)): rounded(v) for problems, v in known.items()},
        )

    def _fresh(
        self, turn: int, problem: int | None = None, goal: int | None = None, again: bool = False
    ) -> dict:
        drawn = self._draws[turn % DRAWN_AHEAD]
        return dict(
            turn=turn,
            problem=drawn[0] if problem is None else problem,
            goal=drawn[1] if goal is None else goal,
            again=again,
            showing=self.played.get("showing", -1) + 1,  # the same city, other pictures
            exploration=[],
            execution=None,  # not begun
        )

    # ---- playing -------------------------------------------------------------------------------------

    def step(self, *actions: str) -> None:
        """Act, once or several times in turn. After the exploration the first action begins the execution.

        Raises:
            CourseError: there is no such action, or the round is over.
        """
        for action in actions:
            if action not in self.task.actions:
                known = ", ".join(self.task.actions)
                raise CourseError(
                    Bilingual(
                        f"'{action}'(이)라는 행동은 없습니다. 다음 중에서 주십시오: {known}.",
                        f"There is no action '{action}'. Give one of: {known}.",
                    )
                )
            self._act(self.task.actions.index(action))

    def ride(self) -> None:
        """Take the bus that stops here."""
        self.step("ride")

    def wait(self) -> None:
        """Stay for one step."""
        self.step("wait")

    def end(self) -> None:
        """End the episode. In the execution this costs what waiting for its end would cost."""
        self.step("end")

    def new_city(self, problem: int | None = None, goal: int | None = None) -> None:
        """Begin a round in another city: the next that the seed gives, or one that you name.

        Args:
            problem: 0 … M − 1.
            goal: an index into ``task.goals``.
        Raises:
            CourseError: there is no such problem or goal.
        """
        if problem is not None:
            problem = self.task.check_problem(problem)
        whole = isinstance(goal, Integral) and not isinstance(goal, bool)  # 1.0 is in range(4), and indexes nothing
        if goal is not None and not (whole and 0 <= goal < len(self.task.goals)):
            last = len(self.task.goals) - 1
            raise CourseError(
                Bilingual(
                    f"목표 {goal}은(는) 없습니다. 0부터 {last}까지의 정수를 주십시오.",
                    f"There is no goal {goal}. Give an integer from 0 to {last}.",
                )
            )
        self.played = self._fresh(self.played["turn"] + 1, problem, None if goal is None else int(goal))

    def same_city(self) -> None:
        """Begin again in the same city, with the same goal. Such a round is marked ``again``."""
        self.played = self._fresh(
            self.played["turn"], self.played["problem"], self.played["goal"], again=True
        )

    def _act(self, action: int) -> None:
        phase, played = self.phase, dict(self.played)
        if phase == "over":
            raise CourseError(
                Bilingual(
                    "이 판은 끝났습니다. game.new_city() 또는 game.same_city()로 다시 시작하십시오.",
                    "This round is over. Begin again with game.new_city() or game.same_city().",
                )
            )
        if phase == "exploration":
            played["exploration"] = [*played["exploration"], action]
        else:
            played["execution"] = [*(played["execution"] or []), action]
        self.played = played
        if self.phase == "over":
            self.rounds = [*self.rounds, self._result()]

    # ---- where it stands -----------------------------------------------------------------------------

    @property
    def round(self) -> Round:
        """The present round, replayed."""
        pictures = self._pictures and self._pictures[self.played["showing"] % DRAWN_AHEAD]
        return replay(self.task, self.played, pictures)

    @property
    def phase(self) -> str:
        """ "exploration", "between", "execution" or "over"."""
        return self.round.phase

    @property
    def cell(self) -> tuple[int, int]:
        """Where you stand, (x, y); y points up."""
        return self.task.cell(self.round.state)

    @property
    def trials(self) -> Trials:
        """This round as a batch of one trial; its last column is the present."""
        return self.round.trials

    @property
    def belief(self) -> Tensor:
        """The exact posterior over the problems, given all that was seen in this round: (M,)."""
        return exact_belief(self.task.tables, self.trials)[0, -1]

    @property
    def marginals(self) -> Tensor:
        """p(bus i goes to destination j): (buses, destinations)."""
        return marginals(self.task, self.belief)

    @property
    def information(self) -> float:
        """log M − log(problems still possible), in nats."""
        return float(np.log(self.task.problem_count / int((self.belief > 0).sum())))

    def _result(self) -> dict:
        """What stays of a finished round. ``city.js`` writes the same keys."""
        trials, played = self.trials, self.played
        begins = int((trials.episode[0] == 1).int().argmax())
        possible = possible_problems(self.task.tables, trials)[0, begins]  # (M,)
        problems = tuple(possible.nonzero()[:, 0].tolist())
        certain = marginals(self.task, possible.float() / possible.sum()).max(dim=1).values > 1 - 1e-6
        return dict(
            problem=played["problem"],
            goal=played["goal"],
            again=played["again"],
            explored=sum(action != self.task.end_action for action in played["exploration"]),
            known=int(certain.sum()),
            nats=rounded(np.log(self.task.problem_count / len(problems))),
            best=rounded(self.stakes.by_knowledge[problems][played["goal"]]),
            **{"return": rounded(trials.returns(self.task.trial)[0])},
        )

    def _repr_mimebundle_(self, **options) -> tuple[dict, dict]:
        """The game, and for viewers that run nothing the city as a picture."""
        data, metadata = super()._repr_mimebundle_(**options)
        return data | {"text/html": self.html()}, metadata

    def html(self) -> str:
        """A picture of the city, with its text alternative and a caption in both languages."""
        pictured = city_figure(self.task, trail=[int(self.round.state)])
        pictured.axes[0].set_title("", loc="left")  # the caption says it, in the reader's language alone
        drawing = io.BytesIO()
        pictured.savefig(drawing, format="png", dpi=80)
        data = base64.b64encode(drawing.getvalue()).decode("ascii")
        title, said = self.task.title, self.described()
        caption = Bilingual(
            f"{title.ko}의 그림입니다. 이 셀을 실행하면 직접 탐험합니다.",
            f"A picture: {title.en[0].lower()}{title.en[1:]}. Run this cell to explore it yourself.",
        )
        alternative = html.escape(f"{said.ko} {said.en}", quote=True)
        return f'<img alt="{alternative}" src="data:image/png;base64,{data}">{caption.html()}'

    def described(self) -> Bilingual:
        """What the picture shows, in words."""
        task, (x, y) = self.task, self.cell
        ko = [f"{task.width}×{task.height}칸의 도시. 현재 위치 ({x},{y})", f"버스 정류장 {len(task.plan.stops)}곳"]
        en = [f"A city of {task.width}×{task.height} cells. You are at ({x},{y})", f"{len(task.plan.stops)} bus stops"]
        if task.map_cell is not None:
            ko.append("지도 ({},{})".format(*task.map_cell))
            en.append("a map at ({},{})".format(*task.map_cell))
        if isinstance(task, NoisyTV):
            ko.append("텔레비전 ({},{})".format(*task.tv_cell))
            en.append("a television at ({},{})".format(*task.tv_cell))
        return Bilingual(", ".join(ko) + ".", ", ".join(en) + ".")

    def __repr__(self) -> str:
        now, possible = self.round, int((self.belief > 0).sum())
        return (
            f"CityExplorer({self.task.name}: {now.phase}, step {now.clock} of {self.task.trial.horizon}, "
            f"{possible} of {self.task.problem_count} cities possible)"
        )


def as_bytes(tensor: Tensor, kind: type) -> bytes:
    """A tensor in row-major order, as little-endian numbers of this kind."""
    return np.ascontiguousarray(tensor.numpy().astype(np.dtype(kind).newbyteorder("<"))).tobytes()


def rounded(value) -> float | list:
    """Numbers to four places: float32 sums of 0.1 differ in the seventh."""
    return np.round(np.asarray(value, np.float64), 4).tolist()


# ---- a still picture ---------------------------------------------------------------------------------


def city_figure(
    task: City,
    problem: int | None = None,
    trail: list[int] | None = None,
    belief: Tensor | None = None,
    goal: int | None = None,
    picture: int | None = None,
) -> Figure:
    """The city as a matplotlib figure: for papers, pages without a kernel, and the README.

    Args:
        task: any city.
        problem: draws where its buses go; None leaves that open.
        trail: the states in turn; two that are no neighbours are joined as by a bus.
        belief: (M,) over problems; draws its marginals beside the map.
        goal: an index into ``task.goals``; None draws all of them as possible.
        picture: what the television shows, if the city has one; None leaves its screen dark.
    Returns:
        A figure that no global state of pyplot holds on to. Without a Korean font it is labelled in English.
    """
    panels = 1 if belief is None else 2
    figure = Figure(
        figsize=(4.2 if panels == 1 else 7.6, 4.2), dpi=110, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, panels, width_ratios=[1.25, 1][:panels])
    draw_city(figure.add_subplot(grid[0, 0]), task, problem, trail, goal, picture)
    if belief is not None:
        draw_belief(figure.add_subplot(grid[0, 1]), task, belief)
    dress_text(figure)
    return figure


def in_figure(words: Bilingual) -> str:
    """Both languages, a line each; English alone where Hangul would be boxes."""
    return f"{words.ko}\n{words.en}" if hangul_font() else words.en


def draw_city(
    axes,
    task: City,
    problem: int | None,
    trail: list[int] | None,
    goal: int | None,
    picture: int | None = None,
) -> None:
    """The grid, what stands on it, and a trail."""
    for state in range(task.tables.states):
        x, y = task.cell(state)
        axes.add_patch(FancyBboxPatch((x - 0.4, y - 0.4), 0.8, 0.8, "round,pad=0.06", fc=TILE, ec="none"))
    axes.set_facecolor(ROAD)

    def bus_line(start: tuple[int, int], end: tuple[int, int], **style) -> None:
        """A curve that bends to the side, the same one in both directions."""
        (x0, y0), (x1, y1) = sorted([start, end])
        t = np.linspace(0, 1, 30)[:, None]
        bend = np.array([(x0 + x1) / 2 + (y1 - y0) * 0.16, (y0 + y1) / 2 - (x1 - x0) * 0.16])
        curve = (1 - t) ** 2 * np.array([x0, y0]) + 2 * t * (1 - t) * bend + t**2 * np.array([x1, y1])
        axes.plot(*curve.T, **style)

    if problem is not None:
        for stop, cell in enumerate(task.plan.stops):
            bus_line(
                cell, task.destination(task.check_problem(problem), stop), color=BUS, lw=1.6, ls=":", zorder=2
            )
    cells = [task.cell(state) for state in trail or []]
    # There and back is one line; drawn twice it would be darker.
    for before, after in sorted({tuple(sorted(pair)) for pair in zip(cells, cells[1:], strict=False)}):
        style = dict(color=EXPLORE, lw=3, alpha=0.55, solid_capstyle="round", zorder=2)
        if abs(before[0] - after[0]) + abs(before[1] - after[1]) > 1:
            bus_line(before, after, **style)
        else:
            axes.plot(*zip(before, after, strict=True), **style)

    axes.plot(*task.cell(task.tables.start), "o", ms=11, mfc="none", mec=SOFT, mew=1.2, zorder=2)
    if cells:
        axes.plot(*cells[-1], "o", ms=12, mfc=EXPLORE, mec="white", mew=2, zorder=6)
    for stop, (x, y) in enumerate(task.plan.stops):
        axes.add_patch(
            FancyBboxPatch((x - 0.24, y - 0.2), 0.48, 0.4, "round,pad=0.07", fc=BUS, ec="none", zorder=4)
        )
        axes.text(x, y, "ABCDEFGH"[stop], color="white", size=9, ha="center", va="center", zorder=5)
    for number, (x, y) in enumerate(task.plan.destinations, start=1):
        axes.plot(x, y, "o", ms=15, mfc="white", mec=BUS, mew=2, zorder=4)
        axes.text(x, y, str(number), color=INK, size=9, ha="center", va="center", zorder=5)
    if task.map_cell is not None:
        x, y = task.map_cell
        fold = [
            (-0.34, 0.2),
            (-0.12, 0.3),
            (0.12, 0.2),
            (0.34, 0.3),
            (0.34, -0.2),
            (0.12, -0.3),
            (-0.12, -0.2),
        ]
        sheet = [(x + dx, y + dy) for dx, dy in [*fold, (-0.34, -0.3)]]
        axes.add_patch(Polygon(sheet, fc="white", ec=MAP, lw=1.8, joinstyle="round", zorder=4))
        for side in (-0.12, 0.12):
            axes.plot([x + side] * 2, [y - 0.25, y + 0.25], color=MAP, lw=1, alpha=0.6, zorder=5)
    if isinstance(task, NoisyTV):
        draw_television(axes, *task.tv_cell, task.pictures, picture)
    for index, (x, y) in enumerate(task.goals):
        if goal is not None and index != goal:
            continue
        shared = (x, y) in task.plan.destinations
        dx, dy, size = (0.24, 0.2, 0.6) if shared else (0.0, 0.0, 1.0)
        pole = np.array([[-0.2, -0.34], [-0.2, 0.34]]) * size + (x + dx, y + dy)
        cloth = np.array([[-0.2, 0.34], [0.3, 0.19], [-0.2, 0.03]]) * size + (x + dx, y + dy)
        face = EXECUTE if goal is not None else "none"
        axes.plot(*pole.T, color=INK, lw=1.6, solid_capstyle="round", zorder=5)
        axes.add_patch(
            Polygon(cloth, fc=face, ec=EXECUTE, lw=1.2, ls="-" if goal is not None else "--", zorder=5)
        )

    axes.set(
        xlim=(-0.55, task.width - 0.45),
        ylim=(-0.55, task.height - 0.45),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(in_figure(task.title), size=10, loc="left", color=INK)


def lit(picture: int, kinds: int) -> tuple[int, list[tuple[int, int]]]:
    """Which squares of the television's screen shine, so that no two pictures look alike.

    Args:
        picture: 0 … kinds − 1, written on the screen in binary, from the upper left.
    Returns:
        How many squares stand in a row, and the lit ones as (column, row), row 0 on top.
    """
    digits = max(1, (kinds - 1).bit_length())
    side = int(np.ceil(np.sqrt(digits)))
    return side, [(digit % side, digit // side) for digit in range(digits) if picture >> digit & 1]


def draw_television(axes, x: int, y: int, kinds: int, picture: int | None) -> None:
    """A set with its knobs, so that it is known by its shape; dark where nobody watches."""
    for dx in (-0.16, 0.12):
        axes.plot([x - 0.04, x + dx], [y + 0.2, y + 0.4], color=SET, lw=1.4, zorder=4)
    axes.add_patch(
        FancyBboxPatch((x - 0.32, y - 0.22), 0.64, 0.42, "round,pad=0.05", fc=SET, ec="none", zorder=4)
    )
    left, bottom, width, height = x - 0.33, y - 0.21, 0.48, 0.4
    axes.add_patch(Rectangle((left, bottom), width, height, fc=SCREEN, ec="none", zorder=5))
    for dy in (0.1, -0.06):
        axes.plot(x + 0.27, y + dy, "o", ms=2.6, color="white", zorder=5)
    side, shining = lit(picture, kinds) if picture is not None else (1, [])
    for column, row in shining:
        corner = left + column * width / side, bottom + (side - 1 - row) * height / side
        axes.add_patch(Rectangle(corner, width / side, height / side, fc=LIT, ec=SCREEN, lw=0.8, zorder=6))


def draw_belief(axes, task: City, belief: Tensor) -> None:
    """The marginals of a belief over problems: buses down, destinations across."""
    chance = marginals(task, belief).numpy()
    left = int((belief > 0).sum())
    for stop, row in enumerate(chance):
        for destination, p in enumerate(row):
            axes.add_patch(
                FancyBboxPatch(
                    (destination - 0.4, stop - 0.4), 0.8, 0.8, "round,pad=0.05", fc=ROAD, ec="none"
                )
            )
            axes.add_patch(
                FancyBboxPatch(
                    (destination - 0.4, stop - 0.4),
                    0.8,
                    0.8,
                    "round,pad=0.05",
                    fc=EXPLORE,
                    ec="none",
                    alpha=float(p),
                )
            )
            ink = "white" if p > 0.6 else INK if p > 0 else SOFT
            axes.text(destination, stop, f"{p:.2g}", color=ink, size=10, ha="center", va="center")
    buses, destinations = chance.shape
    axes.set(xlim=(-0.6, destinations - 0.4), ylim=(buses - 0.4, -0.6), aspect="equal")
    axes.set_xticks(range(destinations), [str(i + 1) for i in range(destinations)], color=INK)
    axes.set_yticks(range(buses), list("ABCDEFGH"[:buses]), color=INK)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    for side in axes.spines.values():
        side.set_color(LINE)
        side.set_visible(False)
    known = float(np.log(task.problem_count / left))
    words = Bilingual(
        f"가능한 도시 {left} / {task.problem_count} · 정보 {known:.2f} nat",
        f"{left} of {task.problem_count} cities possible · {known:.2f} nats",
    )
    axes.set_title(in_figure(words), size=10, loc="left", color=INK, pad=8)
