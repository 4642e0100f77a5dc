"""Several methods side by side on the same problem: the same city, the same goal, one lane a method.

    view = side_by_side({"RL²": recording("rl2_map"), "DREAM": recording("dream_map")}, make_task("map"))
    result = await view

A lane is a stream of snapshots, as ``live`` takes one: a training, a recording, or a single snapshot of something
that does not learn (``still``). ``race`` makes one stream of them, in which the lane that has trained least goes next,
so that at every moment all of them have had the same time, or the same number of environment steps. The rest is the
live view's: one background thread, the same page and buttons, the same picture at the end;
``static/side_by_side.js`` draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import exact_belief
from course_lib.tasks import Task, Trials
from course_lib.views.figure import (
    DPI, EXECUTE, EXPLORE, INK, LINE, OKABE_ITO, SOFT, Metrics, both_pictures, decimals, dress_text, hangul_font,
    palette_png, thousands,
)  # fmt: skip
from course_lib.views.jobs import checked_stream
from course_lib.views.live import LiveView, checked_task, with_page
from course_lib.views.panels import CURVE_POINTS, city_plan, finite

CLOCKS = {"seconds": Bilingual("학습 시간 (초)", "training seconds"), "env_steps": Bilingual("환경 스텝", "env steps")}
LEVELS = ("optimal_return", "most_information", "no_exploration_return")
SHOWN_PAIRS = 24  # problems with what is asked in them, that a learner can choose from
DASHES = ("-", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 2, 2)), (0, (1, 1)), (0, (8, 3)))


@dataclass(frozen=True)
class Together:
    """The last snapshot of every lane: a snapshot of the race, as ``jobs.Job`` reads one.

    Attributes:
        each: lane → its last snapshot.
        curves: lane → rows (seconds, env steps, test return) up to now.
        by: the clock of the race, "seconds" or "env_steps".
        metrics: lane → its last test return.
        known: exact numbers to draw beside the curves, in place of those of the snapshots.
        references: the exact numbers that are drawn.
    """

    each: dict[str, Snapshot]
    curves: dict[str, tuple[tuple[float, float, float], ...]]
    by: str
    known: dict[str, float] | None = None

    @property
    def metrics(self) -> dict[str, float]:
        return {lane: snapshot.metrics.get("test_return", math.nan) for lane, snapshot in self.each.items()}

    @property
    def references(self) -> dict[str, float]:
        return next(iter(self.each.values())).references if self.known is None else self.known

    @property
    def trials(self) -> Trials:
        return next(iter(self.each.values())).trials

    @property
    def update(self) -> int:
        """How many looks at a lane there were."""
        return sum(map(len, self.curves.values()))

    @property
    def env_steps(self) -> int:
        return sum(snapshot.env_steps for snapshot in self.each.values())

    @property
    def seconds(self) -> float:
        return sum(snapshot.seconds for snapshot in self.each.values())


def race(
    streams: dict[str, Iterable[Snapshot]], by: str = "seconds", references: dict[str, float] | None = None
) -> Iterator[Together]:
    """One stream of several: first a snapshot of each lane, then always the next of the one that is least far.

    Args:
        by: "seconds" of training, or "env_steps".
        references: exact numbers to draw, in place of those of the snapshots.
    Raises:
        CourseError: no dict of streams, no lane, no such clock. And once it runs: a lane without any snapshot, or
            without trials.
    """
    if not isinstance(streams, dict):
        raise CourseError(
            Bilingual(
                f"여기에는 레인 이름과 스트림의 dict가 필요합니다. 받은 것: {type(streams).__name__}. "
                '{"RL²": stream("rl2", "map", seed=0)}처럼 주십시오.',
                f"This needs a dict of names of lanes and streams and got {type(streams).__name__}. "
                'Give {"RL2": stream("rl2", "map", seed=0)}.',
            )
        )
    if not isinstance(by, str) or by not in CLOCKS or not streams:
        raise CourseError(
            Bilingual(
                f"레인이 하나 이상 있어야 하고, by는 {' 또는 '.join(CLOCKS)}이어야 합니다. 받은 값: by={by!r}, 레인 {len(streams)}개.",
                f"There must be a lane, and by must be {' or '.join(CLOCKS)}. Got by={by!r} and {len(streams)} lanes.",
            )
        )
    return raced({lane: checked_stream(stream) for lane, stream in streams.items()}, by, references)


def raced(
    streams: dict[str, Iterable[Snapshot]], by: str, references: dict[str, float] | None
) -> Iterator[Together]:
    """What ``race`` gives once it knows that these can race: a generator would only say so when it is first asked."""
    running = {lane: iter(stream() if callable(stream) else stream) for lane, stream in streams.items()}
    each, curves = {}, dict.fromkeys(running, ())

    def advance(lane: str) -> bool:
        snapshot = next(running[lane], None)
        if snapshot is None:
            return False
        if snapshot.trials is None:
            raise CourseError(
                Bilingual(f"'{lane}'의 스냅샷에 트라이얼이 없습니다.", f"The snapshots of '{lane}' have no trials.")
            )
        each[lane] = snapshot
        row = (snapshot.seconds, float(snapshot.env_steps), snapshot.metrics.get("test_return", math.nan))
        curves[lane] = (*curves[lane], row)
        return True

    try:
        for lane in running:
            if not advance(lane):
                raise CourseError(
                    Bilingual(
                        f"'{lane}'에는 스냅샷이 하나도 없습니다. 스트림은 한 번만 쓸 수 있으니, 스트림을 만드는 셀을 다시 실행하십시오.",
                        f"'{lane}' has no snapshot at all. A stream can be used only once: "
                        "run the cell that makes it again.",
                    )
                )
        yield Together(dict(each), dict(curves), by, references)
        going = list(running)
        while going:
            lane = min(going, key=lambda name: getattr(each[name], by))
            if advance(lane):
                yield Together(dict(each), dict(curves), by, references)
            else:
                going.remove(lane)
    finally:
        for stream in running.values():
            if hasattr(stream, "close"):
                stream.close()


def still(task: Task, name: str, trials: Trials, references: dict[str, float]) -> Iterator[Snapshot]:
    """A lane for something that does not learn: one snapshot of its trials."""
    belief = exact_belief(task.tables, trials) if getattr(task, "tables", None) is not None else None
    gained = float(trials.returns(task.trial).mean())
    yield Snapshot(name, task.name, 0, 0, 0.0, {"test_return": gained}, references, trials, belief=belief)


def side_by_side(
    streams: dict[str, Iterable[Snapshot]],
    task: Task,
    title: Bilingual | None = None,
    by: str = "seconds",
    speed: float | None = None,
    references: dict[str, float] | None = None,
) -> SideBySide:
    """Show several streams of snapshots side by side, and start them.

    Args:
        streams: lane → what ``live`` takes: a training, a recording, ``still(…)``.
        task: on which all of them are.
        by: the clock by which they race, "seconds" of training or "env_steps".
        speed: at most so many snapshots a second.
        references: exact numbers to draw, of those in ``WORDS``, in place of those of the snapshots. (Those say what
            knowing the problem is worth, which is the optimum where it can be found out, and more where it can't.)
    Raises:
        CourseError: as ``race``; ``task`` is none whose trials can be laid side by side; ``title`` or ``speed`` is
            none; or the job before does not stop.
    """
    check_drawable(task)
    view = SideBySide(race(streams, by, references), title or Bilingual("나란히 보기", "Side by side"), task, speed)
    view.show()
    view.job.start()
    view.watch()
    return view


def check_drawable(task: Task) -> None:
    """Raise a CourseError unless it is a task with numbered states and actions, which is what a lane draws."""
    if checked_task(task).continuous:
        raise CourseError(
            Bilingual(
                f"{task.name}의 행동은 연속이어서 나란히 그릴 수 없습니다. 스트림을 하나씩 live()로 보십시오.",
                f"The actions of {task.name} are continuous and can't be drawn side by side. "
                "Watch one stream at a time with live().",
            )
        )
    dice = torch.Generator().manual_seed(0)
    if task.begin(task.draw(1, dice), dice).state.dim() > 1:
        raise CourseError(
            Bilingual(
                f"{task.name}의 상태는 번호가 아니라 벡터여서 나란히 그릴 수 없습니다. 스트림을 하나씩 live()로 보십시오.",
                f"The states of {task.name} are vectors, not numbers, and can't be drawn side by side. "
                "Watch one stream at a time with live().",
            )
        )


class SideBySide(LiveView):
    """What ``side_by_side`` returns. Everything but the frame and its picture is ``LiveView``'s."""

    _esm = with_page("side_by_side.js")
    _css = with_page("side_by_side.css")

    def _up_to_date(self, probing: bool = True) -> dict | None:
        with self._sending:
            if self._snapshot is not None and self._snapshot is not self._framed:
                self._framed = self._snapshot  # before it is built: what can't be built is not tried again
                self._frame = frame(self._snapshot, self._task)
            return self._frame

    def _result(self, outcome) -> Comparison:
        return Comparison(outcome, self._up_to_date(), self._bilingual_title)


# ---- the frame ---------------------------------------------------------------------------------------


def asked_of(trials: Trials) -> Tensor:
    """What each trial is asked for, 0 where nothing: (B,)."""
    return trials.instruction.max(dim=1).values


def common_pairs(lanes: list[Trials]) -> list[tuple[int, int]]:
    """Pairs of a problem and what is asked in it that every lane has played, at most ``SHOWN_PAIRS``: in order,
    one of each problem before the second of any."""
    found = [set(zip(trials.problem.tolist(), asked_of(trials).tolist(), strict=True)) for trials in lanes]
    pairs = sorted(set.intersection(*found))
    place: dict[int, int] = {}
    turn = []
    for problem, asked in pairs:
        turn.append((place.setdefault(problem, 0), problem, asked))
        place[problem] += 1
    if len({turns for turns, _, _ in turn}) > 1:  # all pairs were played: another goal for each problem
        turn = [((t - problem) % place[problem], problem, asked) for t, problem, asked in turn]
    return [(problem, asked) for _, problem, asked in sorted(turn)[:SHOWN_PAIRS]]


def rows_of(trials: Trials, pairs: list[tuple[int, int]]) -> Tensor:
    """The first trial of each pair: (N,) int64."""
    keys = list(zip(trials.problem.tolist(), asked_of(trials).tolist(), strict=True))
    return torch.tensor([keys.index(pair) for pair in pairs])


def frame(together: Together, task: Task) -> dict:
    """All that is drawn of one moment of a race: L lanes, N pairs, T steps.

    Raises:
        CourseError: the lanes have no problem in common, or one is on another task.
    """
    lanes = list(together.each.items())
    for lane, snapshot in lanes:
        if snapshot.task != task.name:
            raise CourseError(
                Bilingual(
                    f"'{lane}'의 스냅샷은 {task.name}의 것이 아니라 {snapshot.task}의 것입니다. "
                    "모든 레인에 같은 태스크의 스트림을 주십시오.",
                    f"The snapshots of '{lane}' are on {snapshot.task}, not on {task.name}. "
                    "Give streams of the same task for all lanes.",
                )
            )
    pairs = common_pairs([snapshot.trials for _, snapshot in lanes])
    if not pairs:
        raise CourseError(
            Bilingual(
                "모든 레인이 함께 해 본 문제가 없습니다. 같은 태스크의 스트림들을 주십시오.",
                "There is no problem that all lanes have played. Give streams of the same task.",
            )
        )
    chosen = [snapshot.trials.map(lambda x, rows=rows_of(snapshot.trials, pairs): x[rows]) for _, snapshot in lanes]
    steps = max(trials.valid.shape[1] for trials in chosen)
    counted = torch.tensor(task.trial.counted)

    def stacked(name: str, kind: type) -> np.ndarray:
        """(L, N, T), with the last column repeated where a lane's trials are shorter."""
        columns = [getattr(trials, name) for trials in chosen]
        columns = [torch.cat([c, c[:, -1:].expand(-1, steps - c.shape[1])], dim=1) for c in columns]
        return torch.stack(columns).numpy().astype(kind)

    valid = stacked("valid", np.int8)
    for number, trials in enumerate(chosen):
        valid[number, :, trials.valid.shape[1] :] = 0
    shown = {
        "lanes": [
            {"name": name, "env_steps": int(s.env_steps), "seconds": float(s.seconds)} | finite_return(s)
            for name, s in lanes
        ],
        "by": together.by,
        "update": together.update,
        "env_steps": together.env_steps,
        "learning": any(s.env_steps or len(together.curves[name]) > 1 for name, s in lanes),  # or there is no curve
        "references": finite(together.references),
        "actions": list(task.actions),
        "instructed": list(task.trial.instructed),  # of each episode: whether it is an execution
        "counted": list(task.trial.counted),  # of each episode: whether its rewards are the trial's
        "goals": [list(goal) for goal in getattr(task, "goals", ())],
        "pair_problem": np.array([problem for problem, _ in pairs], np.int16),
        "pair_asked": np.array([asked for _, asked in pairs], np.int16),
        "state": stacked("state", np.int16),
        "arrived": stacked("arrived", np.int16),
        "action": stacked("action", np.int16),
        "episode": stacked("episode", np.int16),
        "reward": stacked("reward", np.float32),
        "valid": valid,
        "return": torch.stack([(t.reward * counted[t.episode]).sum(dim=1) for t in chosen]).numpy(),  # (L, N)
    }
    plan = city_plan(task)
    if plan is not None:
        shown["city"] = plan
    nats = [information_of(task, trials) for trials in chosen]
    if all(one is not None for one in nats):
        shown["nats"] = torch.stack(nats).numpy().astype(np.float32)  # (L, N) known when execution begins
        shown["nats_max"] = math.log(task.problem_count)
    clock = list(CLOCKS).index(together.by)
    for number, (name, _) in enumerate(lanes):
        curve = together.curves[name]
        keep = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), CURVE_POINTS)).round().astype(int))
        shown[f"curve_x_{number}"] = np.array([curve[k][clock] for k in keep], np.float32)
        shown[f"curve_y_{number}"] = np.array([curve[k][2] for k in keep], np.float32)
    return shown


def finite_return(snapshot: Snapshot) -> dict:
    value = snapshot.metrics.get("test_return", math.nan)
    return {"test_return": float(value)} if math.isfinite(value) else {}


def information_of(task: Task, trials: Trials) -> Tensor | None:
    """What each trial knew when its last episode began, in nats, exactly: (N,); None where that is not known."""
    if task.problem_count is None or getattr(task, "tables", None) is None or task.tables.random:
        return None
    left = (exact_belief(task.tables, trials) > 0).sum(dim=2).float()  # (N, T)
    last = trials.episode == trials.episode.max()
    first = torch.where(last.any(dim=1), last.int().argmax(dim=1), trials.episode.shape[1] - 1)
    return math.log(task.problem_count) - left.gather(1, first[:, None])[:, 0].log()


# ---- the picture that stays --------------------------------------------------------------------------

WORDS = {
    "return": Bilingual("테스트 리턴", "Test return"),
    "optimal_return": Bilingual("최적", "optimal"),
    "no_exploration_return": Bilingual("탐험 없이", "no exploration"),
    "most_information": Bilingual("정보를 가장 많이", "most information"),
    "problem": Bilingual("문제", "problem"),
    "goal": Bilingual("목표", "goal"),
    "here": Bilingual("여기서", "here"),
    "mean": Bilingual("평균", "mean"),
}


class Comparison:
    """What ``await view`` gives: how the race ended, and its picture.

    Attributes:
        state, history: as in ``jobs.Outcome``.
        last: the last ``Together``.
        metrics: lane → its last test return.
    """

    def __init__(self, outcome, shown: dict | None, title: Bilingual) -> None:
        self.state, self.last, self.history = outcome.state, outcome.last, outcome.history
        self._frame, self._title = shown, title

    @property
    def metrics(self) -> dict[str, float]:
        return Metrics({} if self.last is None else self.last.metrics)

    def __repr__(self) -> str:
        return " · ".join([self.state, *(f"{lane} {value:.2f}" for lane, value in self.metrics.items())])

    def _repr_mimebundle_(self, **_options) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if self._frame is not None:
            bundle["text/html"] = self.html()
        return bundle

    def html(self, pair: int = 0) -> str:
        """The picture in each language, with its numbers as the text alternative."""
        return both_pictures(
            lambda language: png(self._frame, language, self._title, pair),
            lambda language: described(self._frame, language, pair),
        )


def pair_name(shown: dict, pair: int, language: str) -> str:
    """What is the same in all lanes: the problem, and the goal where there is one."""
    problem, asked = int(shown["pair_problem"][pair]), int(shown["pair_asked"][pair])
    said = f"{getattr(WORDS['problem'], language)} {problem}"
    if asked and shown["goals"]:
        said += f", {getattr(WORDS['goal'], language)} ({', '.join(map(str, shown['goals'][asked - 1]))})"
    return said


def lane_line(shown: dict, number: int, pair: int, language: str) -> str:
    """The numbers of a lane: on average over the test problems, and in the trial that is shown."""
    lane, here = shown["lanes"][number], shown["return"][number, pair]
    mean = decimals(lane["test_return"]) if "test_return" in lane else "–"
    said = f"{getattr(WORDS['mean'], language)} {mean} · {getattr(WORDS['here'], language)} {decimals(here)}"
    return said + (f" · {decimals(shown['nats'][number, pair])} nat" if "nats" in shown else "")


def described(shown: dict, language: str, pair: int = 0) -> str:
    """The numbers of a frame in a sentence: the text alternative of its picture."""
    lanes = [f"{lane['name']}: {lane_line(shown, k, pair, language)}" for k, lane in enumerate(shown["lanes"])]
    return f"{pair_name(shown, pair, language)}; " + "; ".join(lanes)


def png(shown: dict, language: str, title: Bilingual, pair: int = 0) -> bytes:
    """The race as a picture: the curves, and each lane's trial in the same problem."""
    language = language if hangul_font() else "en"  # never boxes
    lanes = shown["lanes"]
    steps = 0 if "city" in shown else int((shown["valid"][:, pair] > 0).sum(axis=1).max())
    heights = ([2.4] if shown["learning"] else []) + [3.3 if "city" in shown else 0.5 + 0.24 * steps]
    width = 11.2 if shown["learning"] else min(11.2, 4.4 * len(lanes))  # few lanes without a curve need no more
    figure = Figure(figsize=(width, sum(heights) + 0.5), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), len(lanes), height_ratios=heights)
    apart = " · " if len(lanes) < 5 else "\n"  # narrow lanes: a number a line
    if shown["learning"]:
        draw_curves(figure.add_subplot(grid[0, :]), shown, language)
    for number, lane in enumerate(lanes):
        axes = figure.add_subplot(grid[-1, number])
        (draw_city_lane if "city" in shown else draw_tape)(axes, shown, number, pair)
        axes.set_title(
            f"{lane['name']}\n{lane_line(shown, number, pair, language).replace(' · ', apart)}", fontsize=9,
            loc="left", color=INK, linespacing=1.35,
        )  # fmt: skip
    heading = f"{getattr(title, language)} · {pair_name(shown, pair, language)}"
    figure.suptitle(heading, fontsize=11, x=0.01, ha="left", color=INK)
    dress_text(figure)
    return palette_png(figure)


def draw_curves(axes, shown: dict, language: str) -> None:
    """Every lane's test return against the clock of the race; one that does not learn is a line across."""
    longest = max((float(shown[f"curve_x_{k}"].max()) for k in range(len(shown["lanes"]))), default=0.0) or 1.0
    low, high = curve_range(shown)
    for number, lane in enumerate(shown["lanes"]):
        x, y = shown[f"curve_x_{number}"], np.maximum(shown[f"curve_y_{number}"], low)  # what lies below is at the edge
        if len(x) == 1:
            x, y = np.array([0.0, longest]), np.repeat(y, 2)
        axes.plot(x, y, color=OKABE_ITO[number % 8], linestyle=DASHES[number % 6], linewidth=1.8, label=lane["name"])
        axes.plot(x[-1:], y[-1:], "o", color=OKABE_ITO[number % 8], markersize=4)
    for name in LEVELS:
        if name in shown["references"]:
            level = shown["references"][name]
            axes.axhline(level, color=SOFT, linewidth=0.9, linestyle=":")
            axes.annotate(
                f"{getattr(WORDS[name], language)} {decimals(level)}", (1, level), xycoords=("axes fraction", "data"),
                xytext=(-2, 3), textcoords="offset points", fontsize=8, color=SOFT, ha="right",
            )  # fmt: skip
    axes.set_ylim(low, high)
    axes.set_xlim(0, longest)
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.set_xlabel(getattr(CLOCKS[shown["by"]], language), fontsize=8, color=SOFT)
    axes.set_title(getattr(WORDS["return"], language), fontsize=10, loc="left", color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=SOFT)


def curve_range(shown: dict) -> tuple[float, float]:
    """What is shown of the returns: before training they may lie so low that all that follows is flat."""
    levels = [shown["references"][name] for name in LEVELS if name in shown["references"]] or [0.0, 1.0]
    seen = np.concatenate([shown[f"curve_y_{k}"] for k in range(len(shown["lanes"]))])
    seen = seen[np.isfinite(seen)]
    if not len(seen):  # a method of one's own may measure no return
        seen = np.array(levels)
    top, bottom = max(*levels, float(seen.max())), min(levels)
    room = max(top - bottom, 0.1)
    return max(float(seen.min()), bottom - 1.2 * room) - 0.06 * room, top + 0.14 * room


def trail(shown: dict, number: int, pair: int, episode: int) -> list[int]:
    """The states of one episode, in order, the last one included."""
    real = (shown["valid"][number, pair] > 0) & (shown["episode"][number, pair] == episode)
    states = shown["state"][number, pair][real].tolist()
    return states + shown["arrived"][number, pair][real].tolist()[-1:]


def draw_city_lane(axes, shown: dict, number: int, pair: int) -> None:
    plan = shown["city"]
    width, height = plan["width"], plan["height"]
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(-0.5, height - 0.5)
    axes.set_aspect("equal")
    axes.set_xticks(np.arange(width + 1) - 0.5, [])
    axes.set_yticks(np.arange(height + 1) - 0.5, [])
    axes.tick_params(length=0)
    axes.grid(color=LINE, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(LINE)
    one = {name: [plan[name]] if plan[name] else [] for name in ("map", "tv")}
    for cells, marker, size in ((plan["stops"], "s", 30), (one["map"], "D", 34), (one["tv"], "X", 40)):
        if cells:
            axes.scatter(*np.array(cells).T, s=size, marker=marker, facecolors="none", edgecolors=SOFT, linewidths=1)
    asked = int(shown["pair_asked"][pair])
    if asked and plan["goals"]:
        axes.scatter(*np.array(plan["goals"][asked - 1]), s=90, marker="^", color=EXECUTE, alpha=0.35, linewidths=0)
    axes.scatter(*np.array(plan["start"]), s=46, marker="+", color=INK, linewidths=1)
    episodes = len(shown["instructed"])
    apart = min(0.16, 0.6 / max(1, episodes - 1))  # the episodes lie side by side, and within the cell
    for episode, executing in enumerate(shown["instructed"]):
        colour, aside = EXECUTE if executing else EXPLORE, (episode - (episodes - 1) / 2) * apart
        cells = np.array([(s % width, s // width) for s in trail(shown, number, pair, episode)], float)
        if len(cells):
            axes.plot(*(cells + aside).T, color=colour, linewidth=2, alpha=0.9)
            axes.plot(*(cells[-1:] + aside).T, "o", color=colour, markersize=5)


def draw_tape(axes, shown: dict, number: int, pair: int) -> None:
    """What was done, step by step, where there is no map to draw it on."""
    axes.set_axis_off()
    real = (shown["valid"][number, pair] > 0).nonzero()[0]
    axes.set_xlim(0, 1)
    axes.set_ylim(max(2, len(real)), 0)
    for place, t in enumerate(real):
        episode = shown["episode"][number, pair, t]
        executing = shown["instructed"][episode]
        name = shown["actions"][shown["action"][number, pair, t]]
        paid = f"  {decimals(shown['reward'][number, pair, t], sign='+')}" if shown["counted"][episode] else ""
        axes.text(0.02, place + 0.5, "■", color=EXECUTE if executing else EXPLORE, fontsize=9, va="center")
        axes.text(0.1, place + 0.5, f"{name}{paid}", color=INK, fontsize=8, va="center")
