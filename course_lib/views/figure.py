"""The picture of a finished run: the panels of the live view, drawn once with matplotlib.

It stands in the stored notebook, where no kernel draws. One PNG a language, each in an element tagged with
its ``lang``, so that the lesson's switch shows one of them.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable
from functools import cache

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from course_lib.bilingual import Bilingual, CourseError

HANGUL_FONTS = (
    "NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic"
)  # fmt: skip
DPI = 110
COLOURS = 256  # of the PNG's palette: a third of the bytes
LEGIBLE = 820  # pixels; narrower than this the letters of three panels side by side can't be read

# Okabe and Ito's palette, safe for colour-blind readers. Two colours carry meaning, as in the live view.
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a800", "#8a8a8a")
EXPLORE, EXECUTE, INK, SOFT, LINE = "#0072b2", "#d55e00", "#212121", "#616161", "#e0e0e0"

WORDS = {
    "curve": Bilingual("테스트 리턴", "Test return"),
    "env_steps": Bilingual("환경 스텝", "env steps"),
    "optimal_return": Bilingual("최적", "optimal"),
    "no_exploration_return": Bilingual("탐험 없이", "no exploration"),
    "gauges": Bilingual("두 개의 계기판", "Two gauges"),
    "information": Bilingual("탐험이 얻은 정보", "Information from exploration"),
    "execution": Bilingual("완벽한 탐험이 주어진 실행", "Execution given perfect exploration"),
    "bound": Bilingual("하한과 정확한 정보 (nat)", "The bound and the exact information (nats)"),
    "bound_line": Bilingual("하한", "the bound"),
    "bound_exact": Bilingual("정확한 정보 I(τ; z)", "exact information I(τ; z)"),
    "bound_all": Bilingual("z가 담은 전부", "all that z holds"),
    "nats": Bilingual("nat", "nats"),
    "gain": Bilingual("스텝마다의 정보 이득 (nat)", "Information gain of each step (nats)"),
    "gain_exact": Bilingual("문제에 대해, 정확히", "about the problem, exactly"),
    "gain_told": Bilingual("z에 대해, 디코더에게", "about z, to the decoder"),
    "belief": Bilingual("문제에 대한 신념", "Belief over the problems"),
    "belief_exact": Bilingual("정확", "exact"),
    "belief_learned": Bilingual("배움", "learned"),
    "city": Bilingual("탐험자가 가는 곳", "Where the explorer goes"),
    "actions": Bilingual("스텝마다 고른 행동", "Actions chosen at each step"),
    "heat": Bilingual("한 트라이얼의 은닉 상태", "Hidden states of one trial"),
    "time": Bilingual("스텝 t", "step t"),
    "units": Bilingual("유닛", "units"),
    "points": Bilingual("은닉 상태의 2차원 투영", "Hidden states in two dimensions"),
    "latent": Bilingual("z의 사후 분포", "Posterior over z"),
    "walk": Bilingual("뽑은 z가 이끈 에피소드", "The episode it led to"),
    "episode": Bilingual("에피소드", "episode"),
    "trial": Bilingual("트라이얼", "trial"),
    "probe": Bilingual("은닉 상태에서 문제 읽기", "Reading the problem from h"),
    "probe_line": Bilingual("선형 프로브", "linear probe"),
    "probe_best": Bilingual("정확한 신념", "exact belief"),
    "chance": Bilingual("찍기", "chance"),
    "bus": Bilingual("버스", "bus"),
    "goal": Bilingual("목표", "goal"),
    "map": Bilingual("지도", "map"),
    "tv": Bilingual("텔레비전", "television"),
    "start": Bilingual("출발", "start"),
}


@cache
def hangul_font() -> str | None:
    """An installed font that has Hangul; None if there is none, and figures then keep to English."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in HANGUL_FONTS if name in installed), None)


def decimals(value: float, digits: int = 2, sign: str = "-") -> str:
    """A number as the lessons write it: with a minus sign, and never −0.00. A ``sign`` of "+" is shown, too."""
    return f"{round(float(value), digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def dress_text(figure: Figure) -> None:
    """Put a figure's text in a font that has Hangul, as far as there is one.

    The Hangul font comes first: with mathematics in a line, matplotlib looks only at the first family. And "²", which
    some of these fonts draw no larger than a dot, is such mathematics.
    """
    families = [font for font in (hangul_font(), "DejaVu Sans") if font]
    for text in figure.findobj(Text):
        text.set_fontfamily(families)
        if "$" not in text.get_text():
            text.set_text(text.get_text().replace("²", "$^2$"))


def palette_png(figure: Figure) -> bytes:
    """A figure as a PNG with a palette, a third of the bytes; dress its text before."""
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png")
    drawing = Image.open(raw).convert("RGB")
    palette = drawing.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


def image(png: bytes, alternative: str) -> str:
    """A PNG as an HTML image that stands in the page itself.

    On a narrow page it shrinks no further than ``LEGIBLE``, and is scrolled instead: three panels beside each other at
    the width of a phone would have letters of three pixels.
    """
    width = int.from_bytes(png[16:20], "big")
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<div style="overflow-x:auto"><img alt="{html.escape(alternative, quote=True)}" '
        f'style="max-width:100%;min-width:{min(width, LEGIBLE)}px" src="data:image/png;base64,{data}"></div>'
    )


def both_pictures(drawn: Callable[[str], bytes], described: Callable[[str], str]) -> str:
    """The picture in each language, with its text alternative; and what to do where there is no font for Korean.

    Args:
        drawn: language → PNG.
        described: language → the same in words.
    """
    divs = [
        f'<div lang="{language}">{image(drawn(language), described(language))}</div>' for language in Bilingual._fields
    ]
    if hangul_font() is None:
        note = (
            "이 컴퓨터에 한글 글꼴이 없어 그림의 글자를 영어로 썼습니다. NanumGothic을 설치하면 한국어로 그립니다."
        )
        divs.append(f'<div lang="ko"><small>{html.escape(note)}</small></div>')
    return "".join(divs)


class Metrics(dict):
    """Numbers by name, which say what to do where a training was stopped before it measured anything."""

    def __missing__(self, name: str) -> float:
        if self:
            measured = ", ".join(map(repr, self))
            raise CourseError(
                Bilingual(
                    f"{name!r}(이)라는 측정값은 없습니다. 있는 것: {measured}.",
                    f"There is no measurement {name!r}. There are: {measured}.",
                )
            )
        raise CourseError(
            Bilingual(
                f"학습이 한 번도 평가하기 전에 멈추어 {name!r}의 값이 없습니다. 학습을 시작하는 셀부터 다시 실행하십시오.",
                f"The training was stopped before its first look, so there is no {name!r}. Run again from the cell that starts "
                "the training.",
            )
        )


class Result:
    """What ``await view`` gives: the outcome of the run and its picture.

    Attributes:
        state, last, history: as in ``jobs.Outcome``.
    """

    def __init__(self, outcome, frame: dict | None, title: Bilingual) -> None:
        self.state, self.last, self.history = outcome.state, outcome.last, outcome.history
        self._frame, self._title = frame, title

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last snapshot; one that was not measured raises a CourseError when it is asked for."""
        return Metrics({} if self.last is None else self.last.metrics)

    def __repr__(self) -> str:
        """One line, the same in both languages, rounded so that it stays the same."""
        if self.last is None:
            return f"{self.state}: no snapshot"
        numbers = {**self.metrics, **self.last.references}
        names = ("test_return", "optimal_return", "no_exploration_return")
        said = [f"{name} {numbers[name]:.2f}" for name in names if name in numbers]
        run = [f"{self.last.method} on {self.last.task}", self.state, f"{self.last.env_steps} env steps"]
        return " · ".join(run + said)

    def _repr_mimebundle_(self, **_options) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if self._pictured:
            bundle["text/html"] = self.html()
        return bundle

    @property
    def _pictured(self) -> bool:
        """Whether there is anything to draw. A method of one's own may measure nothing that a panel shows."""
        return self._frame is not None and bool(panels_of(self._frame))

    def _repr_png_(self) -> bytes | None:
        return png(self._frame, "en", self._title) if self._pictured else None

    def html(self) -> str:
        """The picture in each language, with its numbers as the text alternative."""
        return both_pictures(
            lambda language: png(self._frame, language, self._title),
            lambda language: described(self._frame, language),
        )


def described(frame: dict, language: str) -> str:
    """The numbers of a frame as a sentence: the text alternative of its picture."""
    names = {
        "test_return": WORDS["curve"],
        "optimal_return": WORDS["optimal_return"],
        "no_exploration_return": WORDS["no_exploration_return"],
        "information": WORDS["information"],
        "information_bound": WORDS["bound_line"],
        "code_information": WORDS["bound_exact"],
        "execution_given_exploration": WORDS["execution"],
    }
    numbers = {**frame["metrics"], **frame["references"]}
    parts = [
        f"{getattr(word, language)} {decimals(numbers[name])}" for name, word in names.items() if name in numbers
    ]
    parts.append(f"{frame['env_steps']:,} {getattr(WORDS['env_steps'], language)}")
    parts += [getattr(WORDS[key], language) for key, _, _ in panels_of(frame) if key != "curve"]  # drawn, too
    if "visits" in frame and frame["city"]["tv"]:
        parts.append(f"{getattr(WORDS['tv'], language)} {tuple(frame['city']['tv'])}")
    return ", ".join(parts)


def png(frame: dict, language: str, title: Bilingual) -> bytes:
    """The panels of a frame, of which there must be some, in one language ("ko" or "en"): a PNG of about 40 kB."""
    language = language if hangul_font() else "en"  # never boxes
    drawn = panels_of(frame)
    columns = min(3, len(drawn))
    drawn = gain_under_its_path(drawn, columns)
    rows = math.ceil(len(drawn) / columns)
    size = (3.7 * columns, 2.75 * rows + 0.4)  # inches
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)

    def word(key: str) -> str:
        return getattr(WORDS[key], language)

    for place, (key, _, draw) in enumerate(drawn, start=1):
        axes = figure.add_subplot(rows, columns, place)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(SOFT)
        axes.tick_params(colors=SOFT, labelsize=8, length=3)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        draw(axes, frame, word)
        axes.set_title(word(key), fontsize=10, loc="left", color=INK)
    figure.suptitle(getattr(title, language), fontsize=11, x=0.01, ha="left", color=INK)
    dress_text(figure)
    return palette_png(figure)


def gain_under_its_path(drawn: list[tuple], columns: int) -> list[tuple]:
    """The panels in order, but what each step of an episode told right under the path of the episode."""
    by_key = {panel[0]: panel for panel in drawn}
    if not {"city", "gain"} <= by_key.keys():
        return drawn
    path, gain = by_key.pop("city"), by_key.pop("gain")
    others = list(by_key.values())
    return [path, *others[: columns - 1], gain, *others[columns - 1 :]]


# ---- the panels --------------------------------------------------------------------------------------


def thousands(value: float, _position: int) -> str:
    """1200000 → 1.2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def draw_curve(axes, frame: dict, word) -> None:
    steps, value = frame["curve_env_steps"], frame["curve_test_return"]
    levels = [k for k in ("optimal_return", "no_exploration_return") if k in frame["references"]]
    for key in levels:
        level = frame["references"][key]
        axes.axhline(level, color=INK, linewidth=1, linestyle=(0, (5, 4)))
        axes.annotate(
            f"{word(key)} {decimals(level)}", (0, level), xycoords=("axes fraction", "data"), xytext=(4, 3),
            textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
    axes.plot(steps, value, color=EXPLORE, linewidth=1.8)
    axes.plot(steps[-1:], value[-1:], "o", color=EXPLORE, markersize=4)
    everything = [*value[np.isfinite(value)], *(frame["references"][key] for key in levels)]
    low, high = min(everything), max(everything)
    pad = max(0.05, 0.12 * (high - low))
    axes.set_ylim(low - pad / 2, high + pad)
    axes.set_xlim(0, None)
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(word("env_steps"), fontsize=8, color=SOFT)


def gauges_of(frame: dict) -> list[tuple[str, str, float, float, float]]:
    """(name, colour, value, low, high) of each gauge that the metrics allow."""
    metrics, references = frame["metrics"], frame["references"]
    most = metrics.get("information_max", references.get("information_max"))
    gauges = []
    if "information" in metrics and most is not None and most > 0:
        gauges.append(("information", EXPLORE, metrics["information"], 0.0, most))
    low, high = references.get("no_exploration_return"), references.get("optimal_return")
    # Where exploring can't raise the return, there is no scale to draw it on.
    if "execution_given_exploration" in metrics and low is not None and high is not None and high > low:
        gauges.append(("execution", EXECUTE, metrics["execution_given_exploration"], low, high))
    return gauges


def draw_gauges(axes, frame: dict, word) -> None:
    gauges = gauges_of(frame)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(gauges) * 2 - 0.4, -0.9)
    for place, (name, colour, value, low, high) in enumerate(gauges):
        y, unit = 2 * place, f" {word('nats')}" if name == "information" else ""
        part = min(1.0, max(0.0, (value - low) / (high - low)))
        axes.barh(y, 1, height=0.42, color=LINE)
        axes.barh(y, part, height=0.42, color=colour)
        axes.text(0, y - 0.36, word(name), fontsize=9, color=INK)
        below = "◂ " if value < low else ""
        axes.text(1, y - 0.36, f"{below}{decimals(value)}{unit}", fontsize=9, color=INK, ha="right")
        ends = ("0", f"{decimals(high)}{unit}")
        if name == "execution":
            ends = (f"{word('no_exploration_return')} {decimals(low)}", f"{word('optimal_return')} {decimals(high)}")
        axes.text(0, y + 0.34, ends[0], fontsize=8, color=SOFT, va="top")
        axes.text(1, y + 0.34, ends[1], fontsize=8, color=SOFT, va="top", ha="right")
    axes.set_axis_off()


def draw_bound(axes, frame: dict, word) -> None:
    steps, most = frame["curve_env_steps"], frame["curve_code_information_max"]
    low, high = bound_range(frame)
    axes.plot(steps, most, color=INK, linewidth=1, linestyle=(0, (5, 4)), label=word("bound_all"))
    axes.plot(steps, frame["curve_code_information"], color=EXPLORE, linewidth=1.8, label=word("bound_exact"))
    axes.plot(steps, frame["curve_information_bound"], color=EXECUTE, linewidth=1.8, label=word("bound_line"))
    axes.set_ylim(low, high)
    axes.set_xlim(0, None)
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(word("env_steps"), fontsize=8, color=SOFT)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


BOUND = ("information_bound", "code_information", "code_information_max")


def bound_range(frame: dict) -> tuple[float, float]:
    """Before training the bound may lie a hundred nats below 0, which would flatten all that follows."""
    most = float(np.nanmax(frame["curve_code_information_max"]))
    return -0.6 * most, 1.15 * most


def draw_gain(axes, frame: dict, word) -> None:
    exact = frame["gain_exact"][0, : int(frame["trial_length"][0])]
    steps = np.arange(len(exact))
    executing = frame["trial_instruction"][0, : len(exact)] > 0
    axes.bar(steps, exact, width=0.8, color=np.where(executing, EXECUTE, EXPLORE), label=word("gain_exact"))
    if "gain_told" in frame:
        told = frame["gain_told"][0, : len(exact)]
        axes.plot(steps, told, "_", color=INK, markersize=7, markeredgewidth=1.6, label=word("gain_told"))
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.set_xlabel(word("time"), fontsize=8, color=SOFT)
    axes.legend(fontsize=8, frameon=False, loc="best")


def draw_belief(axes, frame: dict, word) -> None:
    """Before each step of one trial, the exact belief above and the learned one below: a row for each problem.

    It is the trial in which most is to be found out, for in the first one all may be known at once.
    """
    unsure = (127.0 - frame["belief_exact"].max(axis=-1)) * (np.arange(frame["belief_exact"].shape[1]) < frame["trial_length"][:, None])
    chosen = int(unsure.sum(axis=1).argmax())
    length = int(frame["trial_length"][chosen])
    exact, learned = (frame[name][chosen, :length].T / 127 for name in ("belief_exact", "belief_learned"))  # (M, T)
    problems = len(exact)
    between = np.full((max(1, problems // 8), length), np.nan)
    blues = LinearSegmentedColormap.from_list("belief", ["#ffffff", EXPLORE])
    axes.imshow(
        np.concatenate([exact, between, learned]), aspect="auto", cmap=blues, vmin=0, vmax=1, interpolation="nearest",
        extent=(0, length, 2 * problems + len(between), 0),
    )  # fmt: skip
    for name, top in (("belief_exact", 0), ("belief_learned", problems + len(between))):
        axes.add_patch(Rectangle((0, top), length, problems, fill=False, edgecolor=SOFT, linewidth=0.8))
        true = top + int(frame["trial_problem"][chosen]) + 0.5
        axes.plot(length, true, "<", color=EXECUTE, markersize=5, clip_on=False)
    axes.set_yticks([problems / 2, problems * 1.5 + len(between)], [word("belief_exact"), word("belief_learned")], fontsize=8)
    axes.tick_params(axis="y", length=0)
    begin = int(frame["trial_start"][chosen])
    if frame["instructed"] and 0 < begin < length:
        axes.axvline(begin, color=INK, linewidth=1, linestyle=(0, (3, 3)))
    of = f" · {word('trial')} {chosen + 1}" if chosen else ""  # the other panels are of the first
    axes.set_xlabel(word("time") + of, fontsize=8, color=SOFT)


def draw_city(axes, frame: dict, word) -> None:
    plan = frame["city"]
    width, height = plan["width"], plan["height"]
    blues = LinearSegmentedColormap.from_list("visits", ["#ffffff", EXPLORE])
    most = max(float(frame["visits"].max()), 1e-6)
    shade = 0.75 * np.sqrt(frame["visits"].reshape(height, width) / most)
    axes.imshow(shade, origin="lower", cmap=blues, vmin=0, vmax=1)
    axes.set_xticks(np.arange(width + 1) - 0.5, [])
    axes.set_yticks(np.arange(height + 1) - 0.5, [])
    axes.tick_params(length=0)
    axes.grid(color=LINE, linewidth=0.6)
    marks = [("bus", plan["stops"], "s", "none"), ("goal", plan["goals"], "^", INK)]
    if plan["map"]:
        marks.append(("map", [plan["map"]], "D", "none"))
    if plan["tv"]:
        marks.append(("tv", [plan["tv"]], "X", "none"))
    marks.append(("start", [plan["start"]], "+", INK))
    for key, cells, marker, face in marks:
        if not cells:  # not every grid has buses
            continue
        x, y = np.array(cells).T
        size = 44 if marker != "^" else 26
        axes.scatter(
            x, y, s=size, marker=marker, edgecolors=None if marker == "+" else INK,
            c=INK if marker == "+" else None, facecolors=None if marker == "+" else face, linewidths=1.1,
            label=word(key),
        )  # fmt: skip
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.2)


def draw_actions(axes, frame: dict, word) -> None:
    share = frame["action_share"]
    below = np.zeros(len(share))
    for action, name in enumerate(frame["actions"]):
        colour = OKABE_ITO[action % len(OKABE_ITO)]
        axes.bar(np.arange(len(share)), share[:, action], bottom=below, width=0.9, color=colour, label=name)
        below = below + share[:, action]
    axes.set_xlabel(word("time"), fontsize=8, color=SOFT)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_heat(axes, frame: dict, word) -> None:
    length = int(frame["trial_length"][0])
    colours = LinearSegmentedColormap.from_list("hidden", [EXPLORE, "#ffffff", EXECUTE])
    axes.imshow(
        frame["hidden"][0, :length].T, aspect="auto", origin="lower", cmap=colours, vmin=-127, vmax=127,
        interpolation="nearest", extent=(0, length, 0, frame["hidden"].shape[2]),
    )  # fmt: skip
    begin = int(frame["trial_start"][0])
    if frame["instructed"] and 0 < begin < length:
        axes.axvline(begin, color=INK, linewidth=1, linestyle=(0, (3, 3)))
    axes.set_xlabel(word("time"), fontsize=8, color=SOFT)
    axes.set_ylabel(word("units"), fontsize=8, color=SOFT)


def draw_points(axes, frame: dict, word) -> None:
    step = min(int(frame["boundary"][1]), frame["points"].shape[1] - 1)
    group = frame["points_problem"] if frame["problems"] else frame["points_action"][:, step]
    for shape, marker in enumerate("os^"):
        mine = (group // 8) % 3 == shape
        colours = [OKABE_ITO[g % 8] for g in group[mine]]
        axes.scatter(*frame["points"][mine, step].T, s=18, c=colours, marker=marker, linewidths=0)
    axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"t = {step}", fontsize=8, color=SOFT)


def draw_latent(axes, frame: dict, word) -> None:
    """Ellipses of one and two deviations in the plane, or intervals where z is one number; dashed: the prior."""
    mean, spread = frame["latent_mean"][0], frame["latent_spread"][0]  # (K, D)
    episodes = np.isfinite(mean[:, 0]).nonzero()[0]
    names = [f"$z_{{{axis + 1}}}$" for axis in frame["latent_axes"]]
    for size in (1, 2):
        if len(names) > 1:
            axes.add_patch(Circle((0, 0), size, fill=False, edgecolor=SOFT, linestyle="--", linewidth=0.9))
        else:
            axes.plot([-size, size], [0, 0], "|--", color=SOFT, linewidth=0.9)
        for k in episodes:
            colour, centre = OKABE_ITO[k % len(OKABE_ITO)], mean[k]
            if len(names) > 1:
                shape = Ellipse(centre, 2 * size * spread[k, 0], 2 * size * spread[k, 1], fill=False, edgecolor=colour)
                axes.add_patch(shape)
            else:
                ends = [centre[0] - size * spread[k, 0], centre[0] + size * spread[k, 0]]
                axes.plot(ends, [k + 1, k + 1], "-", color=colour, linewidth=6 / size**2, solid_capstyle="butt")
    reach = frame["latent_reach"]
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(names[0], fontsize=8, color=SOFT)
    if len(names) > 1:
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")
        axes.set_ylabel(names[1], fontsize=8, color=SOFT)
    else:
        axes.set_ylim(len(mean) + 0.6, -0.6)
        axes.set_yticks(range(1, len(mean) + 1))
        axes.set_ylabel(word("episode"), fontsize=8, color=SOFT)


def told_whole(frame: dict) -> bool:
    """Whether the latent plane shows all there is of the hidden state: then it needs no other picture."""
    return "latent_mean" in frame and frame["latent_mean"].shape[2] == frame["hidden"].shape[2]


def draw_walk(axes, frame: dict, word) -> None:
    goals, goal = frame["walk_goals"], frame["walk_goal"][0]
    axes.plot(*goals.T, ".", color=LINE, markersize=3, zorder=0)
    axes.add_patch(Circle(goal, frame["walk_radius"], facecolor="#fff2cc", edgecolor=SOFT, zorder=0))
    episode, going = frame["trial_episode"][0], frame["trial_valid"][0] > 0
    for k in range(int(episode.max()) + 1):
        place = frame["walk"][0][(episode == k) & going]
        x, y = np.concatenate([np.zeros((1, 2)), place]).T
        colour = OKABE_ITO[k % len(OKABE_ITO)]
        axes.plot(x, y, "-", color=colour, linewidth=1.3, alpha=0.85, label=f"{k + 1}")
        axes.plot(x[-1:], y[-1:], "o", color=colour, markersize=3.5)
    axes.set_xlim(-1.45, 1.45)
    axes.set_ylim(-0.3, 1.45)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.legend(
        title=word("episode"), title_fontsize=8, fontsize=7, frameon=False, loc="lower center", ncols=5,
        bbox_to_anchor=(0.5, -0.12), handlelength=1.0, columnspacing=0.8,
    )  # fmt: skip


def draw_probe(axes, frame: dict, word) -> None:
    steps = np.arange(len(frame["probe"]))
    if frame["instructed"]:
        first, _, last = frame["boundary"]
        axes.axvspan(first, max(last, first + 0.3), color=EXECUTE, alpha=0.12, linewidth=0)
    axes.axhline(frame["probe_chance"], color=SOFT, linewidth=1, linestyle=":", label=word("chance"))
    if "probe_best" in frame:
        axes.plot(steps, frame["probe_best"], color=INK, linewidth=1.3, label=word("probe_best"))
    axes.plot(steps, frame["probe"], color=EXPLORE, linewidth=1.8, label=word("probe_line"))
    axes.set_ylim(0, 1.05)
    axes.set_xlim(0, int(np.isfinite(frame["probe"]).nonzero()[0].max()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    axes.set_xlabel(word("time"), fontsize=8, color=SOFT)
    axes.legend(fontsize=8, frameon=False, loc="best")


def measured(frame: dict, *names: str) -> bool:
    """Whether all of these curves are there and have a number: of a training that diverged they may be all NaN."""
    return all(np.isfinite(frame.get(f"curve_{name}", np.nan)).any() for name in names)


def panels_of(frame: dict) -> list[tuple]:
    """The panels that this frame has something for."""
    return [panel for panel in PANELS if panel[1](frame)]


PANELS = (
    ("curve", lambda frame: measured(frame, "test_return"), draw_curve),
    ("gauges", lambda frame: bool(gauges_of(frame)), draw_gauges),
    ("bound", lambda frame: measured(frame, *BOUND), draw_bound),
    ("city", lambda frame: "visits" in frame, draw_city),
    ("gain", lambda frame: "gain_exact" in frame, draw_gain),
    ("belief", lambda frame: "belief_learned" in frame, draw_belief),
    ("latent", lambda frame: "latent_mean" in frame, draw_latent),
    ("walk", lambda frame: "walk" in frame, draw_walk),
    ("actions", lambda frame: "action_share" in frame, draw_actions),
    ("heat", lambda frame: "hidden" in frame and not told_whole(frame), draw_heat),
    ("points", lambda frame: "points" in frame and not told_whole(frame), draw_points),
    ("probe", lambda frame: "probe" in frame and not told_whole(frame), draw_probe),
)
