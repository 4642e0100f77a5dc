"""Every method on every task, as lesson 05 shows it: what is on disk and what is not, every seed, and what is exact.

The trainings are the files of ``course results`` in figures/results. A file counts only if it was made with the
settings that the method has today, so that no row mixes two versions of a method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
import torch
from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.agents.evaluation import evaluation_trials, what_is_known
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact import PosteriorSampling, knowledge_of, pearl_upper_bound, why_not_exact
from course_lib.exact.posterior_sampling import optimal_actions
from course_lib.exact.references import explores_then_executes, perfect_exploration, references_of
from course_lib.lesson import cards
from course_lib.lesson.language import bilingual_output
from course_lib.lesson.results import NOT_RUN, image_of
from course_lib.lesson.start import figures_folder, lost, recorded
from course_lib.results import Cell, read_result
from course_lib.tasks import TASKS, TableTask, Task, Trials, make_task, play
from course_lib.training import METHODS, accepts, refused, signature_of
from course_lib.views.figure import EXECUTE, EXPLORE, INK, OKABE_ITO, SOFT, hangul_font
from course_lib.views.side_by_side import still

UNFIT = "·"  # the method has no settings for the task
NEVER = Bilingual("도달 못 함", "never")
JUDGE_SEED = 20210609  # of every look at a learner's own method, so that looking is the same each time
TIE_BREAK = 0.01  # how many nats the best return weighs more than the worst, where only nats are asked for


# -- what is on disk --------------------------------------------------------------------------------------------


def trainings_on_disk() -> list[dict]:
    """Every training in figures/results that was made with today's settings, in order of task, method and seed."""
    found = []
    for path in (figures_folder() / "results").glob("*_*_*.json"):
        method, task, seed = path.stem.rsplit("_", 2)
        if method not in METHODS or not seed.isdecimal():
            continue
        try:
            result = read_result(Cell(method, task.replace(",", " "), int(seed)), path.parent)
        except CourseError:  # a damaged file is "not run", and ``course results`` says so
            continue
        if result is not None:
            found.append(result)
    return sorted(found, key=lambda result: (result["task"], list(METHODS).index(result["method"]), result["seed"]))


def tasks_of_methods() -> dict[str, list[str]]:
    """Each task of the course that some method has settings for → those methods, in the course's order."""
    found: dict[str, list[str]] = {}
    for method, known in METHODS.items():
        for task in known.settings:
            if task.split()[0] in TASKS:
                found.setdefault(task, []).append(method)
    order = list(TASKS)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[0].split()[0]), item[0])))


def grouped(results: list[dict]) -> dict[tuple[str, str], list[dict]]:
    """(task, method) → its trainings."""
    groups: dict[tuple[str, str], list[dict]] = {}
    for result in results:
        groups.setdefault((result["task"], result["method"]), []).append(result)
    return groups


def reached(group: list[dict]) -> int:
    """How many trainings came to 95 % of the way from not exploring to the optimum and stayed there to the end."""
    return sum(result["seconds_to_target"] is not None for result in group)


def has_target(group: list[dict]) -> bool:
    return {"optimal_return", "no_exploration_return"} <= group[0]["references"].keys()


def middle(values: list[float | None]) -> float | None:
    """The median where None stands for infinity; None where the median itself is infinite."""
    found = median(math.inf if value is None else value for value in values)
    return found if math.isfinite(found) else None


# -- the tables -------------------------------------------------------------------------------------------------


def results_matrix(more: list[dict] = ()) -> None:
    """Tasks × methods: the median test return, and in brackets how many seeds reached the target of how many.

    Args:
        more: trainings of your own, as ``course_lib.results.train_cell`` gives them.
    """
    groups = grouped([*trainings_on_disk(), *more])
    known = tasks_of_methods()
    for task, method in groups:
        if method not in known.setdefault(task, []):
            known[task].append(method)
    methods = [m for m in dict.fromkeys([*METHODS, *(m for _, m in groups)]) if any(m in row for row in known.values())]
    head = (cards.both(Bilingual("태스크", "task")), *methods)
    body = []
    for task, fit in known.items():
        cells = [f"<strong>{task}</strong>"]
        for method in methods:
            group = groups.get((task, method))
            if group:
                returns = [result["test_return"] for result in group if result["test_return"] is not None]
                value = f"<strong>{median(returns):.2f}</strong>" if returns else "–"
                share = f"{reached(group)}/{len(group)}" if has_target(group) else f"n={len(group)}"
                cells.append(f"{value}<br><small>({share})</small>")
            elif method in fit:
                cells.append(f'<small style="color:{cards.QUIET_INK}">{cards.both(NOT_RUN)}</small>')
            else:
                cells.append(UNFIT)
        body.append(tuple(cells))
    note = Bilingual(
        "굵은 수는 테스트 리턴의 중앙값, 괄호는 목표(‘탐험 없이’에서 ‘최적’까지의 95%)에 이르러 끝까지 지킨 시드의 수입니다. "
        f"목표를 모르는 태스크에서는 시드의 수만 적습니다. ‘{UNFIT}’ 표시는 이 과정에 그 조합의 설정이 없다는 뜻이며, 대개는 방법이 그 태스크에 맞지 않습니다.",
        "Bold: the median test return. In brackets: how many seeds reached the target (95 % of the way from no "
        "exploration to the optimum) and kept it to the end. Where no target is known, only the number of seeds. "
        f"{UNFIT} says that the course has no settings for the pair, mostly because the method does not take the task.",
    )
    cards.show(f'<div style="overflow-x:auto;font-size:0.82em">{cards.table(head, body)}</div>{cards.quiet(note)}')


def results_table(task: str | None = None, more: list[dict] = ()) -> None:
    """What is on disk in full: a row for each method on a task (or on all), failures included.

    Args:
        task: only this one.
        more: trainings of your own, as ``course_lib.results.train_cell`` gives them.
    Raises:
        CourseError: no method of the course and no training knows the task.
    """
    groups = grouped([*trainings_on_disk(), *more])
    if task is not None:
        known = dict.fromkeys([*tasks_of_methods(), *(name for name, _ in groups)])
        known_or_error(known, task, Bilingual("태스크", "task"))
    rows = {key: group for key, group in groups.items() if task in (None, key[0])}
    head = (
        Bilingual("태스크", "task"), Bilingual("방법", "method"), Bilingual("시드", "seeds"),
        Bilingual("테스트 리턴: 중앙값 (최소 … 최대)", "test return: median (least … most)"),
        Bilingual("최적", "optimum"), Bilingual("탐험 없이", "no exploration"), Bilingual("목표 유지", "kept target"),
        Bilingual("목표까지 초", "seconds to target"), Bilingual("초", "seconds"), Bilingual("스텝", "steps"),
    )  # fmt: skip
    body = []
    for (name, method), group in sorted(rows.items(), key=lambda item: item[0][0]):
        returns = [result["test_return"] for result in group if result["test_return"] is not None]
        lost = len(group) - len(returns)  # a training that ended without a number has failed; it is said
        spread = f"{median(returns):.3f} ({min(returns):.3f}\u00a0…\u00a0{max(returns):.3f})" if returns else "–"
        reference = [group[0]["references"].get(key) for key in ("optimal_return", "no_exploration_return")]
        target = middle([result["seconds_to_target"] for result in group]) if has_target(group) else None
        body.append((
            f"<code>{name}</code>", f"<code>{method}</code>", str(len(group)),
            spread + (f" + {lost} NaN" if lost else ""),
            *("–" if value is None else f"{value:.2f}" for value in reference),
            f"{reached(group)}/{len(group)}" if has_target(group) else "–",
            cards.both(NEVER) if has_target(group) and target is None else "–" if target is None else f"{target:.0f}",
            f"{median(result['seconds'] for result in group):.0f}",
            f"{median(result['env_steps'] for result in group) / 1e6:.2f}\u00a0M",
        ))  # fmt: skip
    if not body:
        body = [(cards.both(NOT_RUN), *[""] * (len(head) - 1))]
    shown = cards.table(tuple(cards.both(word) for word in head), body)
    cards.show(f'<div style="overflow-x:auto;font-size:0.9em">{shown}</div>')


# -- the figure -------------------------------------------------------------------------------------------------


def results_figure(more: list[dict] = ()) -> HTML:
    """Every seed of every training on disk, a dot each: one panel a task, beside the exact numbers.

    Raises:
        CourseError: there is no training to show.
    """
    results = [result for result in [*trainings_on_disk(), *more] if result["test_return"] is not None]
    if not results:
        raise CourseError(
            Bilingual(
                "보여 줄 학습이 없습니다. `git restore figures/results`로 되돌리거나 `course results`로 학습하십시오.",
                "There is no training to show. Bring them back with `git restore figures/results`, or train with "
                "`course results`.",
            )
        )
    groups = grouped(results)
    tasks = list(dict.fromkeys(task for task, _ in groups))
    known = tasks_of_methods()
    said = Bilingual(*("; ".join(lines) for lines in zip(*(_said(key, group) for key, group in groups.items()))))
    return bilingual_output(*(_dots(groups, tasks, known, language, said) for language in ("ko", "en")))


def _said(key: tuple[str, str], group: list[dict]) -> tuple[str, str]:
    value = f"{key[1]} / {key[0]}: {median(result['test_return'] for result in group):.2f}"
    return f"{value}, 시드 {len(group)}개", f"{value}, {len(group)} seeds"


def _dots(groups: dict, tasks: list[str], known: dict, language: str, said: Bilingual) -> str:
    spoken = "en" if hangul_font() is None else language  # never boxes
    columns = min(3, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    figure = Figure(figsize=(3.7 * columns, 2.7 * rows), dpi=88, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for place, task in enumerate(tasks, start=1):
        axes = figure.add_subplot(rows, columns, place)
        here = [m for m in METHODS if m in known.get(task, [])] + [
            m for t, m in groups if t == task and m not in known.get(task, [])
        ]
        references = next(group[0]["references"] for (t, _), group in groups.items() if t == task)
        for name, dash in (("optimal_return", (0, (5, 3))), ("no_exploration_return", (0, (1, 2)))):
            if name in references:
                axes.axhline(references[name], color=INK, linewidth=0.9, linestyle=dash)
        seen = [v for (t, _), group in groups.items() if t == task for v in (r["test_return"] for r in group)]
        low, high = min([*seen, *references.values()]), max([*seen, *references.values()])
        for column, method in enumerate(here):
            values = sorted(result["test_return"] for result in groups.get((task, method), []))
            colour = OKABE_ITO[list(METHODS).index(method) % 8] if method in METHODS else INK
            beside = [column + 0.5 * (k / max(1, len(values) - 1) - 0.5) for k in range(len(values))]
            axes.plot(beside, values, "o", color=colour, markersize=4, alpha=0.75, markeredgewidth=0)
            if values:
                axes.plot([column - 0.32, column + 0.32], [median(values)] * 2, color=INK, linewidth=1.4)
            else:
                axes.text(
                    column, (low + high) / 2, getattr(NOT_RUN, spoken), fontsize=7, color=SOFT, rotation=90,
                    ha="center", va="center",
                )  # fmt: skip
        axes.set_xticks(range(len(here)), here, rotation=35, ha="right", fontsize=7)
        axes.set_xlim(-0.6, len(here) - 0.4)
        axes.set_title(task, fontsize=9, loc="left", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7, colors=SOFT)
    return image_of(figure, getattr(said, language))


# -- seeds ------------------------------------------------------------------------------------------------------


def finals_of(task: str) -> dict[str, Tensor]:
    """Each method that was trained on the task → the test return that each of its seeds ended with, (n,)."""
    found: dict[str, list[float]] = {}
    for result in trainings_on_disk():
        if result["task"] == task:
            found.setdefault(result["method"], []).append(result["test_return"])
    return {method: torch.tensor(finals) for method, finals in found.items()}


def ten_seeds() -> list[dict]:
    """DREAM on the distracting bus, stopped after 3,520 updates: ten trainings, from ``figures/ten_seeds.json``."""
    return recorded("ten_seeds.json", "runs")


def seeds_figure() -> HTML:
    """Ten curves; and what every choice of n of these ten seeds would have said of the mean."""
    runs = ten_seeds()
    final = [run["test_return"] for run in runs]
    failed = [run["seed"] for run in runs if run["test_return"] < 0.77]
    short = [value for value in final if value < 0.77]
    alternative = Bilingual(
        f"시드 10개 가운데 {10 - len(failed)}개가 0.80에 이릅니다. 나머지: "
        + ", ".join(f"시드 {seed} {value:.2f}" for seed, value in zip(failed, short, strict=True)) + ".",
        f"{10 - len(failed)} of 10 seeds reach 0.80. The others: "
        + ", ".join(f"seed {seed} {value:.2f}" for seed, value in zip(failed, short, strict=True)) + ".",
    )
    return bilingual_output(*(_seeds_image(runs, language, alternative) for language in ("ko", "en")))


def _seeds_image(runs: list[dict], language: str, alternative: Bilingual) -> str:
    spoken = "en" if hangul_font() is None else language
    figure = Figure(figsize=(9.4, 3.1), dpi=96, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for run in runs:
        steps, _, returns = np.array(run["curve"], float).T
        colour = EXPLORE if run["test_return"] >= 0.77 else EXECUTE
        left.plot(steps / 1e6, returns, color=colour, linewidth=1.1, alpha=0.85)
    left.axhline(0.8, color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
    left.axhline(0.3, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    left.set_ylim(-0.7, 0.9)
    left.set_title(getattr(Bilingual("시드마다 하나의 곡선", "One curve a seed"), spoken), fontsize=10, loc="left")
    left.set_xlabel(getattr(Bilingual("환경 스텝 (백만)", "env steps (million)"), spoken), fontsize=9, color=SOFT)
    final = [run["test_return"] for run in runs]
    for n in range(1, len(final) + 1):
        means = np.array([np.mean(some) for some in combinations(final, n)])
        values, counts = np.unique(means.round(3), return_counts=True)
        right.scatter(np.full(len(values), n), values, s=70 * counts / counts.sum() + 3, color=EXPLORE, linewidths=0)
    right.axhline(np.mean(final), color=INK, linewidth=0.9)
    right.set_xticks(range(1, len(final) + 1))
    right.set_title(
        getattr(Bilingual("n개를 고른 모든 경우의 평균", "The mean of every choice of n seeds"), spoken),
        fontsize=10, loc="left",
    )  # fmt: skip
    right.set_xlabel(getattr(Bilingual("시드의 수 n", "number of seeds n"), spoken), fontsize=9, color=SOFT)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=SOFT)
    return image_of(figure, getattr(alternative, language))


# -- the control, given ten times as long -------------------------------------------------------------------------

TEN_TIMES_TASKS = {
    "homework-map": Bilingual("과제의 도시", "The homework's city"),
    "map": Bilingual("지도가 있는 도시", "The city with a map"),
}
TEN_TIMES_LINES = {  # method: (colour, dashes, name)
    "dream": (INK, ":", Bilingual("DREAM", "DREAM")),
    "rl2": (EXECUTE, "-", Bilingual("RL², 열 배", "RL², ten times")),
    "rl2-replay": (EXPLORE, "--", Bilingual("공정한 대조군, 열 배", "fair control, ten times")),
}


def ten_times_runs() -> dict[tuple[str, str], list[list[dict]]]:
    """The curves of ``figures/ten_times.json``: (method, task) → for each seed a row a snapshot.

    Raises:
        CourseError: nothing is recorded there.
    """
    runs = recorded("ten_times.json", "runs")
    if not runs:
        raise lost("ten_times.json")
    return {tuple(name.split(maxsplit=1)): list(seeds.values()) for name, seeds in runs.items()}


def ten_times_figure() -> HTML:
    """RL² and the fair control given ten times as long as DREAM, every seed a line, beside DREAM's own curves."""
    curves = {
        (method, task): [
            ([row["env_steps"] / 1e6 for row in rows], [row["test_return"] for row in rows]) for rows in seeds
        ]
        for (method, task), seeds in ten_times_runs().items()
    }
    for result in trainings_on_disk():
        if result["method"] == "dream" and result["task"] in TEN_TIMES_TASKS:
            steps, _, returns = np.array(result["curve"], float).T
            curves.setdefault(("dream", result["task"]), []).append((steps / 1e6, returns))
    said = []
    for (method, task), lines in curves.items():
        last = [returns[-1] for _, returns in lines]
        values = f"{median(last):.2f} ({min(last):.2f} … {max(last):.2f})"
        name, city = TEN_TIMES_LINES[method][2], TEN_TIMES_TASKS[task]
        said.append((f"{city.ko}, {name.ko}: {values}", f"{city.en}, {name.en}: {values}"))
    alternative = Bilingual(*("; ".join(lines) for lines in zip(*said)))
    return bilingual_output(*(_ten_times_image(curves, language, alternative) for language in ("ko", "en")))


def _ten_times_image(curves: dict, language: str, alternative: Bilingual) -> str:
    spoken = "en" if hangul_font() is None else language
    figure = Figure(figsize=(9.4, 3.4), dpi=96, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    legend = {}
    for axes, (task, title) in zip(figure.subplots(1, 2), TEN_TIMES_TASKS.items(), strict=True):
        for method, (colour, dashes, name) in TEN_TIMES_LINES.items():
            for steps, returns in curves.get((method, task), []):
                (legend[getattr(name, spoken)],) = axes.plot(
                    steps, returns, dashes, color=colour, linewidth=1.1, alpha=0.8
                )
        references = references_of(make_task(task))
        axes.axhline(references["optimal_return"], color=INK, linewidth=0.9, linestyle=(0, (5, 3)))
        axes.axhline(references["no_exploration_return"], color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)))
        axes.set_xscale("log")
        axes.set_xlim(left=0.02)
        axes.xaxis.set_major_formatter(lambda million, _: f"{million:g}")  # powers would need a font of formulas
        axes.set_ylim(-1, 0.9)
        axes.set_title(getattr(title, spoken), fontsize=10, loc="left")
        steps_said = Bilingual("환경 스텝 (백만, 로그)", "env steps (million, logarithmic)")
        axes.set_xlabel(getattr(steps_said, spoken), fontsize=9, color=SOFT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=SOFT)
    figure.legend(
        legend.values(), legend.keys(), loc="outside lower center", ncols=len(legend), fontsize=9, frameon=False
    )
    return image_of(figure, getattr(alternative, language))


def ten_times_table() -> None:
    """Where each of them ended: seeds, test return, information, and how often the map was read."""
    runs = ten_times_runs()
    head = (
        Bilingual("태스크", "task"), Bilingual("방법", "method"), Bilingual("시드", "seeds"),
        Bilingual("테스트 리턴", "test return"), Bilingual("정보 (nat)", "information (nats)"),
        Bilingual("지도를 읽는 시드", "seeds that read the map"), Bilingual("스텝", "steps"),
    )  # fmt: skip
    body = []
    for (method, task), seeds in runs.items():
        last = [rows[-1] for rows in seeds]
        told = [
            "{:.2f} ({:.2f} … {:.2f})".format(median(values), min(values), max(values))
            for values in ([row[name] for row in last] for name in ("test_return", "information"))
        ]
        reading = f"{sum(row['map_read'] > 0.5 for row in last)}/{len(last)}"
        steps = f"{median(row['env_steps'] for row in last) / 1e6:.1f}\u00a0M"
        body.append((f"<code>{task}</code>", f"<code>{method}</code>", str(len(last)), *told, reading, steps))
    cards.show(cards.table(tuple(cards.both(word) for word in head), body))


# -- what is exact ----------------------------------------------------------------------------------------------


def most_information_first(task: TableTask) -> dict[str, float]:
    """The exploration that finds out most in nats, and the best that execution can make of it; both exact.

    Backward induction with information as the only pay; among explorations that find out equally much, the one that
    execution has most use for, so that the worth is an upper one.

    Returns:
        ``information`` in nats, and ``return``.
    """
    knowledge, everything = knowledge_of(task), math.log(task.problem_count)
    nats = {problems: everything - math.log(len(problems)) for problems in knowledge.sets}

    worth = knowledge.execution_worth
    spread = (max(worth.values()) - min(worth.values())) or 1.0  # so that it does not matter in what unit is paid

    def value(weight: float) -> float:
        pay = {problems: nats[problems] + weight * worth[problems] for problems in knowledge.sets}
        return float(knowledge.start_values([0], final=pay)[knowledge.all_problems][0])

    information = value(0.0)

    def returns(weight: float) -> float:
        return (value(weight) - information) / weight

    found = returns(TIE_BREAK / spread)
    for smaller in (10, 100):  # where two explorations differ by fewer nats than the tie break weighs, it decides wrongly
        finer = returns(TIE_BREAK / smaller / spread)
        if abs(finer - found) < 0.01 * spread:  # as precise as rounding allows, which weighs more the smaller the weight
            break
        found = finer
    return {"information": information, "return": found}


def two_part(task: TableTask | str) -> TableTask:
    """The task itself, or the one of this name, if what is exact here can be computed for it.

    Raises:
        CourseError: no task has this name, or its trial is not one exploration and one execution episode.
    """
    found = make_task(task) if isinstance(task, str) else task
    if not explores_then_executes(found):
        name = getattr(found, "name", found)
        raise CourseError(
            Bilingual(
                f"{name}에서는 이 값을 정확히 계산하지 않습니다. 한 에피소드 탐험한 뒤 한 에피소드 실행하고 우연이 없는 "
                "유한한 태스크를 주십시오(예: map).",
                f"This is not computed exactly for {name}. Give a finite task without chance in which one episode "
                "explores and one executes, such as map.",
            )
        )
    if found.trial.counted != (False, True):
        raise CourseError(
            Bilingual(
                f"이 값은 탐험의 보상은 세지 않고 실행의 보상은 세는 태스크에서만 계산합니다. `TrialShape(…, counted=(False, True))`로 "
                f"만드십시오. 받은 것: {found.trial.counted}.",
                "This is computed only where exploration's rewards are not counted and execution's are. Build the task with "
                f"`TrialShape(…, counted=(False, True))`. Got {found.trial.counted}.",
            )
        )
    if (reason := why_not_exact(found)) is not None:
        raise CourseError(
            Bilingual(
                f"{found.name}에서는 이 값을 정확히 계산하지 않습니다. {reason.ko}",
                f"This is not computed exactly for {found.name}. {reason.en}",
            )
        )
    return found


def exact_predictions(task: TableTask | str) -> dict[str, float]:
    """What four ways of exploring are worth on a task, exactly, before anything is trained; shown as a table.

    Args:
        task: one that explores first and then executes, or its name.
    Returns:
        ``no_exploration``, ``posterior_sampling``, ``most_information`` and ``optimum``.
    Raises:
        CourseError: it is another kind of task.
    """
    task = two_part(task)
    knowledge = knowledge_of(task)
    sampling, informed = pearl_upper_bound(task), most_information_first(task)
    rows = {
        "no_exploration": (Bilingual("탐험 없이", "no exploration"), 0.0, knowledge.no_exploration),
        "posterior_sampling": (
            Bilingual("정확한 사후 샘플링 (PEARL-UB)", "exact posterior sampling (PEARL-UB)"),
            sampling["information"], sampling["return"],
        ),
        "most_information": (
            Bilingual("정보를 가장 많이 (DREAM의 탐험 목적 함수)", "most information (what DREAM's explorer is paid)"),
            informed["information"], informed["return"],
        ),
        "optimum": (Bilingual("베이즈 최적", "Bayes-optimal"), None, knowledge.with_exploration),
    }  # fmt: skip
    head = (Bilingual("탐험", "exploration"), Bilingual("정보 (nat)", "information (nats)"), Bilingual("리턴", "return"))
    body = [
        (cards.both(name), "" if nats is None else f"{nats:.2f}", f"{value:.4f}")
        for name, nats, value in rows.values()
    ]
    cards.show(cards.table(tuple(cards.both(word) for word in head), body))
    return {name: value for name, (_, _, value) in rows.items()}


def exact_lanes(task: TableTask | str, seed: int = 0) -> dict[str, Iterator[Snapshot]]:
    """Two lanes that learn nothing, to race against: exact posterior sampling, and the best that can be done.

    Args:
        task: one that explores first and then executes, or its name.
    Raises:
        CourseError: it is another kind of task.
    """
    task = two_part(task)
    references = references_of(task)
    drawn, asked = evaluation_trials(task)
    generator = torch.Generator().manual_seed(seed)
    sampled = play(task, drawn, generator, PosteriorSampling(task, generator), asked)
    optimum = play(task, drawn, generator, best_of(task), asked)
    return {
        "posterior sampling": still(task, "posterior-sampling", sampled, references),
        "optimum": still(task, "optimum", optimum, references),
    }


def masked(lanes: dict[str, Iterator[Snapshot]], seed: int) -> tuple[dict[str, Iterator[Snapshot]], dict[str, str]]:
    """The same lanes as A, B, C, … in an order that the seed draws; and which letter is whom."""
    names = list(lanes)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    who = {chr(ord("A") + place): names[k] for place, k in enumerate(order)}
    return {letter: lanes[name] for letter, name in who.items()}, who


def best_of(task: TableTask) -> Callable:
    """The policy that finds out everything by the shortest list of actions, ends, and then acts optimally.

    Raises:
        CourseError: no fixed list of actions finds out what execution needs.
    """
    explores, optimal = perfect_exploration(task), optimal_actions(task)
    if explores is None:
        raise CourseError(
            Bilingual(
                f"{task.name}에서는 정해 둔 행동 목록만으로 필요한 것을 모두 알아낼 수 없습니다.",
                f"No fixed list of actions finds out all that is needed in {task.name}.",
            )
        )
    end = int(explores[-1]) if task.end_action is None else task.end_action
    plan = torch.cat([explores, torch.tensor([end])])

    def act(running) -> Tensor:
        clock = running.clock.clamp(max=task.trial.horizon - 1)
        wise = optimal[running.problem, running.instruction, clock, running.state].int().argmax(dim=1)
        return torch.where(running.instruction > 0, wise, plan[clock.clamp(max=len(plan) - 1)])

    return act


# -- a task and a method of one's own ---------------------------------------------------------------------------


def what_a_task_needs() -> None:
    """What a task of one's own says besides ``next_state``, ``reward`` and ``sense``, as a table."""
    rows = [
        ("ends (M or 1, I, S)", Bilingual(
            "bool. 지시마다, 이 상태에 이르면 에피소드가 끝나는지 적습니다. 첫 축의 크기가 1이면 모든 문제에 같이 씁니다.",
            "bool: whether arriving in this state ends the episode, for each instruction. A first axis of size 1: the "
            "same in all problems.",
        )),
        ("features (symbols, F)", Bilingual(
            "float32. 신경망이 기호 대신 받는 수입니다. 기호마다 한 행이고, `torch.eye`를 쓰면 모든 기호가 구별됩니다.",
            "float32: the numbers that a network receives for a symbol, a row for each. `torch.eye` tells all symbols apart.",
        )),
        ("start", Bilingual(
            "모든 에피소드가 시작하는 상태의 번호입니다.", "The number of the state in which every episode begins.",
        )),
        ("horizon", Bilingual(
            "한 에피소드의 최대 걸음 수입니다. 탐험과 실행에 같은 수를 씁니다. 어느 한쪽이 더 짧아야 하면 `ends`로 끝내십시오.",
            "The most steps of an episode, one number for exploration and execution. Where one should be shorter, end it "
            "by `ends`.",
        )),
        ("instructed", Bilingual(
            "에피소드마다 지시를 받는지 적습니다. 받으면 1부터 I − 1까지 가운데 하나를 뽑고, 받지 않으면 지시 0(탐험)입니다. "
            "`(False, True)`는 탐험 한 번, 실행 한 번입니다.",
            "For each episode, whether it is asked for something: drawn from 1 to I − 1, or else 0, exploration. "
            "`(False, True)` is one exploration, then one execution.",
        )),
        ("counted", Bilingual(
            "에피소드마다 그 보상이 트라이얼의 리턴에 들어가는지 적습니다. 정확한 값은 `(False, True)`일 때, 그리고 보상이 도착한 곳의 `sense`보다 많은 것을 "
            "알려 주지 않을 때만 계산합니다.",
            "For each episode, whether its rewards count in the return of the trial. Exact values are computed for "
            "`(False, True)` only, and where no reward tells more than what `sense` shows on arrival.",
        )),
        ("train, test", Bilingual(
            "int64. 학습에서 뽑는 문제의 번호와, 테스트에 쓰는 문제의 번호입니다.",
            "int64: the numbers of the problems that training draws, and of those of the test.",
        )),
    ]  # fmt: skip
    show_rows(rows)


def what_a_method_needs() -> None:
    """How a method of one's own is called, what it yields, and what its policy is given, as a table."""
    rows = [
        ("method(task, settings, generator, resume=None)", Bilingual(
            "방법을 이 네 인자로 호출합니다. `settings`는 데이터클래스이고, 모든 난수는 `generator`에서 뽑습니다. `resume`은 이어서 "
            "학습할 체크포인트이며, 이어서 학습하지 못하는 방법은 무시해도 됩니다.",
            "How a method is called. `settings` is a dataclass; draw every random number from `generator`. `resume` is a "
            "checkpoint to go on from, and a method that can't go on may ignore it.",
        )),
        ("yield look(name, task, policy, …)", Bilingual(
            "첫 스냅샷은 학습하기 전에(`update=0`), 그다음은 학습하는 사이사이에 내놓습니다. 마지막 스냅샷이 결과입니다. "
            "`env_steps`와 `seconds`에는 학습에 쓴 것만 더합니다.",
            "The first snapshot before training (`update=0`), others between updates. The last is the result. "
            "`env_steps` and `seconds` count training alone.",
        )),
        ("policy(dice) → act", Bilingual(
            "평가할 때마다 한 번 호출합니다. 트라이얼을 시작하기 전에 준비할 것이 있으면 여기서 하고, 난수는 `dice`에서 뽑고, 함수 `act`를 "
            "돌려줍니다.",
            "Called once for each evaluation. It prepares what the trials begin with, draws from `dice`, and returns the "
            "function `act`.",
        )),
        ("act(running) → action (B,)", Bilingual(
            "걸음마다 먼저 호출합니다. 나란히 진행되는 트라이얼 B개의 행동을 int64로 돌려줍니다.",
            "Called before every step. It returns an action, int64, for each of the B trials that run side by side.",
        )),
        ("running.clock (B,)", Bilingual(
            "이 에피소드에서 지금까지 걸은 걸음 수입니다.", "The steps taken in this episode so far.",
        )),
        ("running.instruction (B,)", Bilingual(
            "지금 받은 지시입니다. 0이면 탐험입니다. `running.symbol`은 지금 감지한 기호, `running.reward`는 마지막 보상입니다.",
            "What is asked for now; 0 is exploration. `running.symbol` is what is sensed now, `running.reward` the last "
            "reward.",
        )),
        ("METHODS[name] = Method(method, {task: settings})", Bilingual(
            "이 한 줄을 쓰면 `stream`과 표가 방법을 이름으로 찾습니다.",
            "By this line `stream` and the table find the method under its name.",
        )),
    ]  # fmt: skip
    show_rows(rows)


def show_rows(rows: list[tuple[str, Bilingual]]) -> None:
    """Code at the left, and what it is at the right."""
    cards.show(cards.table((), [(f"<code>{code}</code>", cards.words(said)) for code, said in rows]))


def look(
    method: str, task: TableTask, policy: Callable, *, update: int, env_steps: int, seconds: float, **metrics: float
) -> Snapshot:
    """Judge a policy as every method of the course is judged, on test problems with a generator of its own.

    Args:
        policy: generator → ``act(running) -> action (B,)``, as ``play`` takes it.
        update, env_steps, seconds: how far the training is; one-element tensors will do.
        metrics: more numbers to keep, such as ``train_return``.
    Raises:
        CourseError: the policy takes no generator, or returns no ``act``; something is no number.
    """
    if not isinstance(task, Task):
        expected = Bilingual('태스크, 곧 방법이 받은 task나 make_task("map")', 'a task: the one that the method was given, or make_task("map")')
        raise refused(Bilingual("인자 task", "argument task"), task, expected)
    update, env_steps, seconds = whole("update", update), whole("env_steps", env_steps), count("seconds", seconds)
    metrics = {name: number(name, value) for name, value in metrics.items()}
    generator = torch.Generator().manual_seed(JUDGE_SEED)
    drawn, asked = evaluation_trials(task)
    trials: Trials = play(task, drawn, generator, act_of(policy, generator), asked)
    belief, known = what_is_known(task, trials)
    gained = float(trials.returns(task.trial).mean())
    return Snapshot(
        method, task.name, update, env_steps, seconds, {**metrics, "test_return": gained, **known},
        references_of(task), trials, belief=belief,
    )  # fmt: skip


def number(name: str, value: Any) -> float:
    """A number of Python, NumPy or torch as a float.

    Raises:
        CourseError: it is something else.
    """
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # no number, or a tensor of several
        raise refused(Bilingual(f"인자 {name}", f"argument {name}"), value, Bilingual("수 하나", "one number")) from None


def whole(name: str, value: Any) -> int:
    """A whole number of at least 0 as an int; CourseError for anything else."""
    if not count(name, value).is_integer():
        raise refused(Bilingual(f"인자 {name}", f"argument {name}"), value, Bilingual("정수 하나", "one whole number"))
    return int(value)


def count(name: str, value: Any) -> float:
    """A finite number of at least 0 as a float; CourseError for anything else."""
    found = number(name, value)
    if not 0 <= found < math.inf:
        raise refused(Bilingual(f"인자 {name}", f"argument {name}"), value, Bilingual("0 이상의 수", "a number of at least 0"))
    return found


def act_of(policy: Callable, dice: torch.Generator) -> Callable:
    """The ``act`` that a policy returns when it is given the dice.

    Raises:
        CourseError: it takes no dice, or returns no function of the running trials.
    """
    try:
        act = policy(dice) if accepts(policy, dice) else None
    except AttributeError as error:
        if error.obj is not dice:
            raise
        act = None  # it is an ``act`` itself, and looked for the clock or the like of running trials
    if not callable(act) or not accepts(act, "running"):
        raise CourseError(
            Bilingual(
                "정책은 난수 생성기를 받아 `act`를 돌려주는 함수여야 합니다: `def policy(dice)` 안에 `def act(running)`을 쓰고 "
                f"`return act`로 끝내십시오. 받은 것: {signature_of(policy)}.",
                "A policy takes the dice and returns act: write `def act(running)` inside `def policy(dice)`, and end "
                f"with `return act`. Got {signature_of(policy)}.",
            )
        )
    return act
