"""The picture of ``course results``: how each method's return grew, task by task."""

from __future__ import annotations

import io
import math
import re

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from course_lib.views.figure import DPI, INK, OKABE_ITO, SOFT, dress_text, hangul_font

POINTS = 120  # of the common axis of seconds on which seeds are compared


def results_png(results: list[dict], titles: dict[str, str], seconds: str) -> bytes:
    """One panel a task: the median over seeds against seconds of training, in a band from the least to the most.

    Args:
        results: as ``course_lib.results.train_cell`` gives them.
        titles: a title for each task.
        seconds: what the axis of seconds is called.
    Returns:
        A PNG.
    """
    tasks = list(dict.fromkeys(result["task"] for result in results))
    methods = sorted({result["method"] for result in results})
    colour = {method: OKABE_ITO[k % len(OKABE_ITO)] for k, method in enumerate(methods)}
    dashes = {method: "-" if k < len(OKABE_ITO) else (0, (3, 1)) for k, method in enumerate(methods)}  # used twice
    columns = min(3, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    figure = Figure(figsize=(3.9 * columns, 2.9 * rows), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for place, task in enumerate(tasks, start=1):
        axes = figure.add_subplot(rows, columns, place)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.tick_params(colors=SOFT, labelsize=8, length=3)
        here = [result for result in results if result["task"] == task]
        for name in ("optimal_return", "no_exploration_return"):
            if name in here[0]["references"]:
                axes.axhline(here[0]["references"][name], color=INK, linewidth=0.9, linestyle=(0, (5, 4)))
        for method in methods:
            group = [result for result in here if result["method"] == method]
            if group:
                at, values = on_one_axis([result["curve"] for result in group])
                label = f"{method} ({len(group)})"
                line = dict(color=colour[method], linestyle=dashes[method], linewidth=1.7, label=label)
                axes.plot(at, np.median(values, axis=0), **line)
                least, most = values.min(axis=0), values.max(axis=0)
                axes.fill_between(at, least, most, color=colour[method], alpha=0.18, linewidth=0)
        axes.set_title(titles[task], fontsize=9, loc="left", color=INK)
        axes.set_xlabel(seconds, fontsize=8, color=SOFT)
        axes.legend(fontsize=7, facecolor="white", edgecolor="none", framealpha=0.85)  # readable over a line
    dress_text(figure)
    if hangul_font() is None:  # never boxes: the line or the half that is Korean is left out
        for text in figure.findobj(Text):
            text.set_text(re.sub(r"[^\n·]*[가-힣][^\n·]*(\n|· )?", "", text.get_text()))
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def on_one_axis(curves: list[list]) -> tuple[np.ndarray, np.ndarray]:
    """Curves of (env steps, seconds, return) at common seconds, as far as the longest goes: (n,), (curves, n).

    A training that has ended keeps its last return, so that the right end of a median is what the table says.
    """
    columns = [np.array(curve, dtype=float).T for curve in curves]
    at = np.linspace(0.0, max(seconds[-1] for _, seconds, _ in columns), POINTS)
    return at, np.stack([np.interp(at, seconds, returns) for _, seconds, returns in columns])
