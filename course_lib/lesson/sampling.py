"""What lesson 02 draws: walks with z held and redrawn, returns by episode, posteriors and where they lead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from torch import Tensor

from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import point_robot, posterior_sampling
from course_lib.lesson import cards
from course_lib.lesson.language import bilingual_output
from course_lib.lesson.results import image_of, median_and_range
from course_lib.lesson.start import recorded
from course_lib.tasks import Drawn, GridNavi, PointRobot, Trials, make_task, play
from course_lib.tasks.point_robot import RADIUS
from course_lib.views.figure import EXECUTE, EXPLORE, INK, LINE, OKABE_ITO, SOFT, hangul_font

__all__ = [
    "HELD", "first_episodes_figure", "held_and_redrawn_figure", "in_vain_table", "posterior_figure",
    "sampled_by_episode", "walks_figure",
]  # fmt: skip

HELD = {  # how long z is held: (colour, dashes, marker, name)
    "episode": (EXPLORE, "-", "o", Bilingual("에피소드 동안", "for the episode")),
    "step": (EXECUTE, "--", "s", Bilingual("스텝마다 다시", "redrawn each step")),
    "refuted": ("#009e73", "-.", "^", Bilingual("반박될 때까지", "until refuted")),
}
EPISODE = Bilingual("에피소드", "episode")


def sampled_by_episode(task_name: str, held: str, copies: int = 50) -> Tensor:
    """The mean return of each episode of exact posterior sampling: (K,), over every test problem ``copies`` times."""
    task = make_task(task_name)
    room = point_robot if isinstance(task, PointRobot) else posterior_sampling
    generator = torch.Generator().manual_seed(2)
    return room.sampled_returns(task, generator, copies, held).mean(dim=0)


def in_vain_table(copies: int = 100) -> None:
    """What PEARL lacks on the point robot, beside exact sampling that learns from walks in vain and one that does not.

    The exact rows are computed here, every test goal ``copies`` times; PEARL's are those of figures/pearl.json.
    """
    heads = (
        Bilingual("누가", "who"),
        Bilingual("찾은 비율", "part that found it"),
        Bilingual("이미 찾았으면, 다섯째 에피소드", "fifth episode, once found"),
        Bilingual("다섯째 에피소드", "fifth episode"),
    )
    task, body = PointRobot(), []
    for misses, name in (
        (True, Bilingual("정확한 사후 샘플링", "exact posterior sampling")),
        (False, Bilingual("정확하지만 허탕에서는 배우지 않음", "exact, but learning nothing from walks in vain")),
    ):
        generator = torch.Generator().manual_seed(2)
        policy = point_robot.PosteriorSampling(task, generator, misses=misses)
        trials = play(task, task.each(copies, "test"), generator, policy)
        found = float((trials.reward > 0).any(dim=1).float().mean())
        once = posterior_sampling.last_return_once_found(trials, task.trial.episodes)
        fifth = float(posterior_sampling.returns_by_episode(trials, task.trial.episodes)[:, -1].mean())
        body.append((cards.words(name), f"{found:.2f}", f"{once:.1f}", f"{fifth:.1f}"))
    runs = recorded("pearl.json", "runs")
    for variant, updates in (("three times as long", 600), ("as in the table", 200)):
        last = [rows[-1] for rows in runs.get(variant, {}).values()]
        name = Bilingual(
            f"PEARL, 업데이트 {updates}번 (시드 {len(last)}개)", f"PEARL, {updates} updates ({len(last)} seeds)"
        )
        shown = (("found", 2), ("return_once_found", 1), ("test_return", 1))
        cells = [median_and_range([row.get(metric) for row in last], digits) for metric, digits in shown]
        body.append((cards.words(name), *cells))
    cards.show(cards.table(tuple(cards.words(head) for head in heads), body))


def drawn_twice(draw: Callable[[Callable[[Bilingual], str]], Figure], alternative: Bilingual) -> HTML:
    """A figure in both languages: ``draw`` gets a function that says a pair in the language at hand."""
    images = []
    for language in ("ko", "en"):
        said = "en" if hangul_font() is None else language  # never boxes
        images.append(image_of(draw(lambda pair, said=said: getattr(pair, said)), getattr(alternative, language)))
    return bilingual_output(*images)


def _require_numbers(name: str, given: Sequence, count: int) -> None:
    """See that these are numbers of problems or trials of which there are ``count``.

    Raises:
        CourseError: one isn't.
    """
    for number in given:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
            raise CourseError(
                Bilingual(
                    f"{name}에 {number!r}을(를) 쓸 수 없습니다. 0 이상 {count - 1} 이하의 정수를 주십시오.",
                    f"{name} can't be {number!r}. Give a whole number from 0 to {count - 1}.",
                )
            )


def _require_point_robot(snapshot: Snapshot, shows: str) -> None:
    """See that a snapshot is one of PEARL on the point robot, as these figures draw it.

    Args:
        shows: what the figure needs of it, as the snapshot calls it: "spread", or a metric.
    Raises:
        CourseError: it is none, or it is one of another training.
    """
    kept = isinstance(snapshot, Snapshot) and snapshot.trials is not None and (
        snapshot.metrics.get(shows, getattr(snapshot, shows, None)) is not None
    )  # fmt: skip
    if not kept or not isinstance(make_task(snapshot.task), PointRobot):
        got = f"{snapshot.method} {snapshot.task}" if isinstance(snapshot, Snapshot) else repr(snapshot)
        raise CourseError(
            Bilingual(
                f"이 그림은 점 로봇에서 학습한 PEARL의 스냅샷만 그립니다({shows}이(가) 필요합니다). 받은 값: {got}. "
                '`stream("pearl", "point-robot")`의 스냅샷을 주십시오.',
                f"This figure draws only snapshots of PEARL on the point robot (it needs their {shows}). Got: {got}. "
                'Give one of `stream("pearl", "point-robot")`.',
            )
        )


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=96, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _calm(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=SOFT)


# -- exact posterior sampling ---------------------------------------------------------------------------------


def held_and_redrawn_figure(returns: dict[str, dict[str, Tensor]], best: dict[str, list[float]]) -> HTML:
    """The return of each episode, by how long z is held.

    Args:
        returns: task name → way to hold z → (K,).
        best: task name → the best possible return of each episode, as far as it is known (nan where not).
    """

    def draw(say: Callable[[Bilingual], str]) -> Figure:
        figure = _figure(9.0, 3.1)
        for axes, (name, ways) in zip(figure.subplots(1, len(returns)), returns.items(), strict=True):
            count = len(best[name])
            for held, by_episode in ways.items():
                colour, dashes, marker, label = HELD[held]
                axes.plot(
                    range(1, count + 1), by_episode, dashes, color=colour, marker=marker, markersize=5, label=say(label)
                )
            axes.plot(
                range(1, count + 1), best[name], "_", color=INK, markersize=14, markeredgewidth=1.6,
                label=say(Bilingual("최적 (정확한 값)", "optimal (exact)")),
            )  # fmt: skip
            axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
            axes.set_title(say(make_task(name).title), fontsize=10, loc="left")
            axes.set_xlabel(say(EPISODE), fontsize=9, color=SOFT)
            axes.set_xticks(range(1, count + 1))
            _calm(axes)
        figure.axes[0].set_ylabel(say(Bilingual("리턴", "return")), fontsize=9, color=SOFT)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
        return figure

    told = [
        f"{name}, {held}: " + ", ".join(f"{value:.1f}" for value in by_episode)
        for name, ways in returns.items()
        for held, by_episode in ways.items()
    ]
    return drawn_twice(draw, Bilingual("에피소드별 리턴. " + "; ".join(told), "Return by episode. " + "; ".join(told)))


def walks_figure(seed: int = 0, robot_problem: int | None = None, cell: tuple[int, int] = (3, 3)) -> HTML:
    """One trial of each task, z held and z redrawn: where it walked, an episode a colour.

    Args:
        robot_problem: which goal the point robot has, by its number; None: the first test problem.
        cell: GridNavi's goal.
    Raises:
        CourseError: there is no such goal.
    """
    robot, grid = make_task("point-robot"), make_task("gridnavi")
    goal = int(robot.splits["test"][0]) if robot_problem is None else robot_problem
    _require_numbers("robot_problem", (goal,), len(robot.goals))
    if cell not in grid.goals:
        raise CourseError(
            Bilingual(
                f"GridNavi의 목표는 칸 {cell!r}에 놓이지 않습니다. 다음 중 하나를 주십시오: {', '.join(map(str, grid.goals))}.",
                f"GridNavi has no goal at {cell!r}. Give one of: {', '.join(map(str, grid.goals))}.",
            )
        )
    walks = {}
    for task, problem in ((robot, goal), (grid, grid.goals.index(cell))):
        room = point_robot if isinstance(task, PointRobot) else posterior_sampling
        for held in ("episode", "step"):
            generator = torch.Generator().manual_seed(seed)
            drawn = Drawn(getattr(task, "tables", None), torch.tensor([problem]))
            walks[task.name, held] = play(task, drawn, generator, room.PosteriorSampling(task, generator, held))

    def draw(say: Callable[[Bilingual], str]) -> Figure:
        figure = _figure(9.4, 2.7)
        for axes, ((name, held), trials) in zip(figure.subplots(1, 4), walks.items(), strict=True):
            task = make_task(name)
            if isinstance(task, GridNavi):
                _draw_grid(axes, task, cell)
            else:
                _draw_plane(axes, task, goal)
            _draw_walk(axes, task, trials, 0, range(task.trial.episodes))
            axes.set_title(say(HELD[held][3]), fontsize=9, loc="left", color=INK)
        colours = [figure.axes[0].plot([], [], "-", color=OKABE_ITO[k], label=f"{k + 1}")[0] for k in range(5)]
        figure.legend(
            handles=colours, title=say(EPISODE), title_fontsize=8, loc="outside right center", fontsize=8, frameon=False
        )
        return figure

    return drawn_twice(
        draw,
        Bilingual(
            "왼쪽 둘은 점 로봇, 오른쪽 둘은 GridNavi에서 한 트라이얼의 길. z를 유지하면 한 목표로 곧장 가고, 다시 뽑으면 점 로봇은 반원 가운데로, GridNavi에서는 칸 사이를 오갑니다.",
            "The walks of one trial: two of the point robot, two of GridNavi. With z held each goes straight to one "
            "goal; redrawn, the "
            "point robot drifts to the middle of the half-circle, and in GridNavi it goes from cell to cell.",
        ),
    )


def _draw_plane(axes: Axes, task: PointRobot, problem: int | None) -> None:
    """The half-circle of goals, and one of them with the circle in which it pays."""
    angle = np.linspace(0, np.pi, 100)
    axes.plot(np.cos(angle), np.sin(angle), color=LINE, linewidth=1.2, zorder=0)
    if problem is not None:
        axes.add_patch(Circle(task.goals[problem].tolist(), RADIUS, facecolor="#fff2cc", edgecolor=SOFT, zorder=0))
    axes.plot(0, 0, "+", color=INK, markersize=8)
    axes.set_xlim(-1.45, 1.45)
    axes.set_ylim(-0.25, 1.3)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _draw_grid(axes: Axes, task: GridNavi, goal: tuple[int, int]) -> None:
    for k in range(task.width + 1):
        axes.plot([k - 0.5] * 2, [-0.5, task.height - 0.5], color=LINE, linewidth=0.8, zorder=0)
    for k in range(task.height + 1):
        axes.plot([-0.5, task.width - 0.5], [k - 0.5] * 2, color=LINE, linewidth=0.8, zorder=0)
    axes.add_patch(Circle(goal, 0.42, facecolor="#fff2cc", edgecolor=SOFT, zorder=0))
    axes.set_aspect("equal")
    axes.set_axis_off()


def _draw_walk(axes: Axes, task, trials: Trials, row: int, episodes) -> None:
    """The walk of each episode, a little beside the others where cells are shared."""
    for k in episodes:
        steps = trials.episode[row] == k
        place = torch.cat([trials.state[row, steps][:1], trials.arrived[row, steps]])
        if isinstance(task, PointRobot):
            x, y = place.float().T.tolist()
        else:
            aside = 0.09 * (k - (task.trial.episodes - 1) / 2)
            x, y = zip(*[(c + aside, r + aside) for c, r in (task.cell(int(state)) for state in place)], strict=True)
        axes.plot(x, y, "-", color=OKABE_ITO[k], linewidth=1.3, alpha=0.85)
        axes.plot(x[-1:], y[-1:], "o", color=OKABE_ITO[k], markersize=4)


# -- PEARL ------------------------------------------------------------------------------------------------------


def posterior_figure(snapshot: Snapshot, rows: tuple[int, ...] = (0, 1)) -> HTML:
    """q(z | c) when each episode begins, and beside it the walk that the episode became; a line of panels a trial.

    Where z is one number it is drawn as bells, else as ellipses of one and two standard deviations in the plane of
    its first two numbers. The dashed one is the prior.

    Args:
        snapshot: of PEARL on the point robot.
        rows: which of its trials.
    Raises:
        CourseError: it is another one, or has no such trial.
    """
    _require_point_robot(snapshot, "spread")
    if not isinstance(rows, (tuple, list, range)) or not rows:
        raise CourseError(
            Bilingual(
                f"rows에는 트라이얼 번호의 튜플을 주십시오(예: (0, 1)). 받은 값: {rows!r}.",
                f"rows must be a tuple of the numbers of trials, such as (0, 1). Got {rows!r}.",
            )
        )
    _require_numbers("rows", rows, len(snapshot.trials.problem))
    task, trials = make_task(snapshot.task), snapshot.trials
    begins = [k * task.trial.horizon for k in range(task.trial.episodes)]

    def draw(say: Callable[[Bilingual], str]) -> Figure:
        figure = _figure(8.6, 2.7 * len(rows))
        panels = figure.subplots(len(rows), 2, squeeze=False)
        for (left, right), row in zip(panels, rows, strict=True):
            mean, deviation = snapshot.hidden[row, begins], snapshot.spread[row, begins]  # (K, Z)
            if mean.shape[1] == 1:
                _draw_bells(left, mean[:, 0], deviation[:, 0])
            else:
                _draw_ellipses(left, mean, deviation)
            left.set_title(say(Bilingual("사후 분포 q(z|c)", "posterior q(z|c)")), fontsize=9, loc="left")
            _calm(left)
            _draw_plane(right, task, int(trials.problem[row]))
            _draw_walk(right, task, trials, row, range(task.trial.episodes))
            right.set_title(say(Bilingual("이끈 에피소드", "the episode it led to")), fontsize=9, loc="left")
        colours = [panels[0, 0].plot([], [], "-", color=OKABE_ITO[k], label=f"{k + 1}")[0] for k in range(len(begins))]
        figure.legend(
            handles=colours, title=say(EPISODE), title_fontsize=8, loc="outside right center", fontsize=8, frameon=False
        )
        return figure

    widths = snapshot.spread[list(rows)][:, begins].mean(dim=-1)  # (n, K)
    told = "; ".join(", ".join(f"{width:.2f}" for width in row) for row in widths)
    return drawn_twice(
        draw,
        Bilingual(
            f"에피소드가 시작할 때 사후 분포의 표준편차: {told}. 오른쪽은 그 에피소드의 길.",
            f"Standard deviation of the posterior as each episode begins: {told}. Right: the walk of that episode.",
        ),
    )


def _draw_bells(axes: Axes, mean: Tensor, deviation: Tensor) -> None:
    z = torch.linspace(-3, 3, 400)
    axes.plot(z, (-0.5 * z**2).exp() / (2 * np.pi) ** 0.5, "--", color=SOFT, linewidth=1)
    for k, (m, s) in enumerate(zip(mean, deviation, strict=True)):
        axes.plot(z, (-0.5 * ((z - m) / s) ** 2).exp() / (s * (2 * np.pi) ** 0.5), color=OKABE_ITO[k], linewidth=1.5)
    axes.set_xlabel("z", fontsize=9, color=SOFT)
    axes.set_yticks([])


def _draw_ellipses(axes: Axes, mean: Tensor, deviation: Tensor) -> None:
    for size in (1, 2):
        axes.add_patch(Circle((0, 0), size, fill=False, edgecolor=SOFT, linestyle="--", linewidth=1.2, zorder=3))
        for k, (m, s) in enumerate(zip(mean[:, :2].tolist(), deviation[:, :2].tolist(), strict=True)):
            ellipse = Ellipse(m, 2 * size * s[0], 2 * size * s[1], fill=size == 1, linewidth=1.4)
            ellipse.set_facecolor((*_rgb(OKABE_ITO[k]), 0.07))
            ellipse.set_edgecolor(OKABE_ITO[k])
            axes.add_patch(ellipse)
    axes.set_xlim(-2.6, 2.6)
    axes.set_ylim(-2.6, 2.6)
    axes.set_aspect("equal")
    axes.set_xlabel("$z_1$", fontsize=9, color=SOFT)
    axes.set_ylabel("$z_2$", fontsize=9, color=SOFT)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def first_episodes_figure(snapshots: dict[Bilingual | str, Snapshot]) -> HTML:
    """The first episode of every trial, in one picture a training: nothing was seen yet, so this is exploration.

    Args:
        snapshots: what a training is called → a snapshot of PEARL on the point robot. A name that is the same in
            both languages may be a string.
    Raises:
        CourseError: there is none, or it is one of another training.
    """
    if not isinstance(snapshots, dict) or not snapshots:
        raise CourseError(
            Bilingual(
                f'이름과 스냅샷의 dict를 주십시오(예: {{"PEARL": snapshot}}). 받은 값: {snapshots!r}.',
                f'Give a dict of names and snapshots, such as {{"PEARL": snapshot}}. Got {snapshots!r}.',
            )
        )
    for snapshot in snapshots.values():
        _require_point_robot(snapshot, "covered_first")
    snapshots = {Bilingual(name, name) if isinstance(name, str) else name: one for name, one in snapshots.items()}

    def draw(say: Callable[[Bilingual], str]) -> Figure:
        figure = _figure(4.0 * len(snapshots), 2.6)
        panels = figure.subplots(1, len(snapshots), squeeze=False)[0]
        for axes, (name, snapshot) in zip(panels, snapshots.items(), strict=True):
            task = make_task(snapshot.task)
            _draw_plane(axes, task, None)
            for row in range(len(snapshot.trials.problem)):
                steps = snapshot.trials.episode[row] == 0
                place = torch.cat([snapshot.trials.state[row, steps][:1], snapshot.trials.arrived[row, steps]]).T
                axes.plot(*place.tolist(), "-", color=EXPLORE, linewidth=0.8, alpha=0.35)
            axes.set_title(say(name), fontsize=10, loc="left")
        return figure

    told = [f"{snapshot.metrics['covered_first']:.2f}" for snapshot in snapshots.values()]
    return drawn_twice(
        draw,
        Bilingual(
            "첫 에피소드의 길들. 덮은 목표의 비율: " + ", ".join(told),
            "The walks of the first episodes. Part of the goals covered: " + ", ".join(told),
        ),
    )
