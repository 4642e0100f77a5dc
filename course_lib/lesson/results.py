"""Recorded results of the course, shown as its lessons show them: every seed, also those that failed."""

from __future__ import annotations

import io
from statistics import median

from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.bilingual import Bilingual
from course_lib.lesson import cards
from course_lib.lesson.language import bilingual_output
from course_lib.lesson.start import recorded, require_parts
from course_lib.views.figure import EXECUTE, EXPLORE, INK, SOFT, decimals, dress_text, hangul_font, image

NOT_RUN = Bilingual("학습 안 함", "not run")  # there is no result of the ten seeds, or it is of other settings
TOGETHER, EXECUTOR, EXPLORER = "together", "perfect executor", "perfect explorer"
COUPLING_LINES = {  # variant: (colour, dashes, name)
    EXECUTOR: (EXPLORE, "-", Bilingual("탐험만 (완벽한 실행자)", "exploring only (perfect executor)")),
    EXPLORER: (EXECUTE, "--", Bilingual("실행만 (완벽한 탐험자)", "executing only (perfect explorer)")),
    TOGETHER: (INK, "-", Bilingual("함께 (RL²)", "together (RL²)")),
}
COUPLING_PANELS = (
    ("information", Bilingual("탐험이 얻은 정보 (nat)", "Information explored (nats)")),
    ("test_return", Bilingual("테스트 리턴", "Test return")),
)
COUPLING_ROWS = {
    TOGETHER: Bilingual("함께 (RL²)", "together (RL²)"),
    EXECUTOR: Bilingual("완벽한 실행자", "perfect executor"),
    "perfect executor, paid late": Bilingual("완벽한 실행자, 늦은 보상", "perfect executor, paid late"),
    EXPLORER: Bilingual("완벽한 탐험자", "perfect explorer"),
    "perfect explorer, then together": Bilingual("완벽한 탐험자, 그다음 함께", "perfect explorer, then together"),
    "perfect executor, then together": Bilingual("완벽한 실행자, 그다음 함께", "perfect executor, then together"),
    "together, three times as long": Bilingual("함께, 세 배 오래", "together, three times as long"),
}


def coupling_runs() -> dict[str, dict[str, list[dict]]]:
    """The curves of ``figures/coupling.json``: variant → seed → a row a snapshot."""
    return recorded("coupling.json", "runs")


def coupling_figure() -> HTML:
    """Exploring alone, executing alone, and both together: every seed a line. Rebuilt from figures/coupling.json."""
    runs = coupling_runs()
    require_parts("coupling.json", runs, COUPLING_LINES)
    alternative = Bilingual(*("; ".join(parts) for parts in zip(*(_last_numbers(runs, v) for v in COUPLING_LINES))))
    return bilingual_output(*(_coupling_image(runs, language, alternative) for language in ("ko", "en")))


def _last_numbers(runs: dict, variant: str) -> tuple[str, str]:
    """What a screen reader says of one variant, in both languages."""
    last = [rows[-1] for rows in runs[variant].values()]
    information, gained = (median(row[name] for row in last) for name in ("information", "test_return"))
    name = COUPLING_LINES[variant][2]
    return (
        f"{name.ko}: 정보 중앙값 {information:.2f}, 리턴 중앙값 {gained:.2f}, 시드 {len(last)}개",
        f"{name.en}: median information {information:.2f}, median return {gained:.2f}, {len(last)} seeds",
    )


def _coupling_image(runs: dict, language: str, alternative: Bilingual) -> str:
    said = "en" if hangul_font() is None else language  # never boxes
    figure = Figure(figsize=(9.4, 3.3), dpi=96, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (metric, title) in zip(figure.subplots(1, 2), COUPLING_PANELS, strict=True):
        for variant, (colour, dashes, name) in COUPLING_LINES.items():
            for number, rows in enumerate(runs[variant].values()):
                axes.plot(
                    [row["env_steps"] / 1e6 for row in rows], [row[metric] for row in rows], dashes,
                    color=colour, linewidth=1, alpha=0.75, label=getattr(name, said) if number == 0 else None,
                )  # fmt: skip
        levels = (3.178,) if metric == "information" else (0.3, 0.8)
        for level in levels:
            axes.axhline(level, color=SOFT, linewidth=0.8, linestyle=":")
        axes.set_title(getattr(title, said), fontsize=10, loc="left")
        axes.set_xlabel(getattr(Bilingual("환경 스텝 (백만)", "env steps (million)"), said), fontsize=9, color=SOFT)
        axes.set_xlim(0, 1.0)
        if metric == "test_return":
            axes.set_ylim(-1, 0.9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=SOFT)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return image_of(figure, getattr(alternative, language))


def image_of(figure: Figure, alternative: str) -> str:
    """A figure as an HTML image that stands in the page itself, with its text in a font that has Hangul."""
    dress_text(figure)
    raw = io.BytesIO()
    figure.savefig(raw, format="png")
    return image(raw.getvalue(), alternative)


def coupling_table() -> None:
    """Where each variant ended: median and range over seeds, of information and of the test return."""
    columns = {
        "information": Bilingual("정보 (nat)", "information (nats)"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(coupling_runs(), COUPLING_ROWS, columns)


def median_and_range(values: list[float | None], digits: int = 2) -> str:
    """Median and range over seeds; without any seed, that it was not run; "–" where a seed lacks the number."""
    if not values:
        return cards.both(NOT_RUN)
    if None in values:
        return "–"
    middle, low, high = (decimals(value, digits) for value in (median(values), min(values), max(values)))
    return f"{middle} ({low} … {high})"


def table_of_runs(
    runs: dict[str, dict[str, list[dict]]], variants: dict[str, Bilingual], columns: dict[str, Bilingual]
) -> None:
    """Show where each variant ended: a row a variant, a column a number, median and range over seeds.

    Args:
        runs: variant → seed → a row a snapshot. A variant that is missing was not run, and its row says so.
        variants, columns: those to show, with what they are called.
    """
    heads = (Bilingual("학습", "training"), Bilingual("시드", "seeds"), *columns.values())
    body = []
    for variant, name in variants.items():
        last = [rows[-1] for rows in runs.get(variant, {}).values()]
        ends = [median_and_range([row.get(metric) for row in last]) for metric in columns]
        body.append((cards.words(name), str(len(last)), *ends))
    cards.show(cards.table(tuple(cards.words(head) for head in heads), body))
