"""Recorded trainings of DREAM as lesson 03 shows them: every seed, also those that failed."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.bilingual import Bilingual
from course_lib.lesson.language import bilingual_output
from course_lib.lesson.results import image_of, table_of_runs
from course_lib.lesson.start import recorded, recorded_picture, require_parts
from course_lib.views.figure import EXECUTE, EXPLORE, SOFT, hangul_font, image

SQUEEZED = {  # variant: (colour, marker, name)
    "bottleneck": (EXPLORE, "o", Bilingual("선형 디코더, 병목 있음", "linear decoder, with bottleneck")),
    "no bottleneck": (EXECUTE, "s", Bilingual("선형 디코더, λ = 0", "linear decoder, λ = 0")),
    "hidden layer": (EXPLORE, "^", Bilingual("은닉층, 병목 있음", "hidden layer, with bottleneck")),
    "hidden layer, no bottleneck": (EXECUTE, "v", Bilingual("은닉층, λ = 0", "hidden layer, λ = 0")),
}
SQUEEZED_PANELS = {  # metric: (title, levels to compare with)
    "useful_buses": (Bilingual("타 본 쓸모 있는 버스", "useful buses ridden"), (0, 3)),
    "distractor_buses": (Bilingual("타 본 방해 버스", "distractor buses ridden"), (0, 3)),
    "code_information_max": (Bilingual("z에 든 정보 (nat)", "information in z (nats)"), (3.178, 3.970)),
    "test_return": (Bilingual("테스트 리턴", "test return"), (0.3, 0.8)),
}
COSTS = ("0", "0.005", "0.05", "0.5", "1")
PRICES = ("0.00003", "0.0003", "0.001", "0.01", "1")
FROM_THE_START = ("0", "0.00003", "0.0003", "0.001", "0.01", "0.1", "1")


def completed(decoder_loss: Callable) -> Callable:
    """The learner's answer to exercise 3.3 with a stop-gradient, which is the answer to 3.5: hence not in the notebook."""

    def loss(code, decoded, seen, noise):
        return decoder_loss(code.detach(), decoded, seen, noise)

    return loss


def dream_runs() -> dict[str, dict[str, list[dict]]]:
    """The curves of ``figures/dream_ablations.json``: variant → seed → a row a snapshot."""
    return recorded("dream_ablations.json", "runs")


def distractor_figure() -> HTML:
    """Where DREAM ends on the distracting bus with and without its bottleneck: every seed a point."""
    runs = dream_runs()
    require_parts("dream_ablations.json", runs, SQUEEZED)
    said = []
    for variant, (_, _, name) in SQUEEZED.items():
        last = [rows[-1] for rows in runs[variant].values()]
        middle = {metric: median(row[metric] for row in last) for metric in SQUEEZED_PANELS}
        said.append(
            [
                f"{getattr(name, language)}: "
                + ", ".join(f"{getattr(title, language)} {middle[m]:.2f}" for m, (title, _) in SQUEEZED_PANELS.items())
                for language in ("ko", "en")
            ]
        )
    alternative = Bilingual(*("; ".join(parts) for parts in zip(*said, strict=True)))
    return bilingual_output(*(_distractor_image(runs, language, alternative) for language in ("ko", "en")))


def _distractor_image(runs: dict, language: str, alternative: Bilingual) -> str:
    said = "en" if hangul_font() is None else language  # never boxes
    figure = Figure(figsize=(9.4, 2.9), dpi=96, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (metric, (title, levels)) in zip(figure.subplots(1, 4), SQUEEZED_PANELS.items(), strict=True):
        for place, (variant, (colour, marker, name)) in enumerate(SQUEEZED.items()):
            values = sorted(rows[-1][metric] for rows in runs[variant].values())
            beside = [place + 0.36 * (number / max(1, len(values) - 1) - 0.5) for number in range(len(values))]
            axes.plot(beside, values, marker, color=colour, markersize=6, alpha=0.8, label=getattr(name, said))
            axes.plot([place - 0.3, place + 0.3], [median(values)] * 2, "-", color=colour, linewidth=1)
        for level in levels:
            axes.axhline(level, color=SOFT, linewidth=0.8, linestyle=":")
        axes.set_title(getattr(title, said), fontsize=10, loc="left")
        axes.set_xlim(-0.6, len(SQUEEZED) - 0.4)
        axes.set_xticks([])
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=SOFT)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return image_of(figure, getattr(alternative, language))


def revealing_arm_figure() -> HTML:
    """How many trials it takes to learn where to explore: the picture that ``make figures`` draws of the record."""
    learners = recorded("revealing_arm.json", "learners")
    require_parts("revealing_arm.json", learners, ("RL2", "DREAM"))
    said = {
        learner: ", ".join(f"{arms}: {size['mean']:.0f}" for arms, size in learners[learner]["sizes"].items())
        for learner in ("RL2", "DREAM")
    }
    alternative = Bilingual(
        f"팔의 수와 트라이얼 수. RL² {said['RL2']}. DREAM {said['DREAM']}.",
        f"Number of arms and trials. RL² {said['RL2']}. DREAM {said['DREAM']}.",
    )
    pictures = (
        image(recorded_picture(f"revealing_arm_{language}.png"), getattr(alternative, language))
        for language in ("ko", "en")
    )
    return bilingual_output(*pictures)


def cost_table() -> None:
    """What a step of exploration costs, and where DREAM ends on the homework map with that."""
    variants = {f"cost {cost}": Bilingual(f"$c = {cost}$", f"$c = {cost}$") for cost in COSTS}
    columns = {
        "explored": Bilingual("탐험한 걸음", "steps explored"),
        "information": Bilingual("정보 (nat)", "information (nats)"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(dream_runs(), variants, columns)


def price_table() -> None:
    """What is left of z and of the return on the homework map after λ was changed at update 448."""
    kept = {price: Bilingual(f"$\\lambda = {price}$", f"$\\lambda = {price}$") for price in PRICES}
    back = Bilingual("$\\lambda = 1$, 128번 뒤에 되돌림", "$\\lambda = 1$, turned back after 128")
    variants = {f"λ {price}": title for price, title in kept.items()} | {"λ 1 until 576": back}
    columns = {
        "code_information_max": Bilingual("z에 든 정보 (nat)", "information in z (nats)"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(dream_runs(), variants, columns)


def price_from_the_start_table() -> None:
    """What is left of z, of exploration and of the return on the homework map with another λ in all of the training."""
    usual = {"0.00003": "cost 0.005"}  # the variant in which neither λ nor c is changed
    variants = {
        usual.get(price, f"λ {price} from the start"): Bilingual(f"$\\lambda = {price}$", f"$\\lambda = {price}$")
        for price in FROM_THE_START
    }
    columns = {
        "code_information_max": Bilingual("z에 든 정보 (nat)", "information in z (nats)"),
        "information": Bilingual("탐험이 얻은 정보 (nat)", "information explored (nats)"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(dream_runs(), variants, columns)


def random_exploration_table() -> None:
    """DREAM on the map beside the same method whose exploration is random: what was found, and what came of it."""
    variants = {
        "explored by DREAM": Bilingual("배운 탐험 (DREAM)", "learned exploration (DREAM)"),
        "random exploration": Bilingual("무작위 탐험", "random exploration"),
    }
    columns = {
        "information": Bilingual("탐험이 얻은 정보 (nat)", "information explored (nats)"),
        "knowledge_worth": Bilingual("알아낸 것의 값어치", "worth of what it found"),
        "decoder_gap": Bilingual("간격 (nat)", "gap (nats)"),
        "execution_given_exploration": Bilingual("완벽한 탐험이 주어진 실행", "execution given perfect exploration"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(dream_runs(), variants, columns)


def stop_gradient_table() -> None:
    """With and without the stop-gradient in the decoder's loss, after 896 updates on the map."""
    variants = {
        "stop-gradient": Bilingual("`detach` 있음", "with `detach`"),
        "no stop-gradient": Bilingual("`detach` 없음", "without `detach`"),
    }
    columns = {
        "decoder_gap": Bilingual("간격 (nat)", "gap (nats)"),
        "code_information_max": Bilingual("z에 든 정보 (nat)", "information in z (nats)"),
        "information": Bilingual("탐험이 얻은 정보 (nat)", "information explored (nats)"),
        "test_return": Bilingual("테스트 리턴", "test return"),
    }
    table_of_runs(dream_runs(), variants, columns)
