"""RL²'s two tables (Duan et al. 2016), measured again with the classic algorithms, as lesson 01 shows them."""

from __future__ import annotations

from statistics import median

from course_lib.bilingual import Bilingual
from course_lib.lesson import cards
from course_lib.lesson.results import NOT_RUN
from course_lib.lesson.start import figures_folder, recorded, require_parts
from course_lib.results import Cell, done_and_missing

BANDITS = {  # column of figures/classic_bandits.json: what it is called
    "random": Bilingual("무작위", "random"),
    "ts": Bilingual("톰슨 샘플링", "Thompson sampling"),
    "greedy, ties at random": Bilingual("탐욕", "greedy"),
    "epsilon_greedy, ties at random": Bilingual("ε-탐욕", "ε-greedy"),
    "ucb1": Bilingual("UCB1", "UCB1"),
    "gittins": Bilingual("기틴스 지수", "Gittins index"),
}
SIZES = {"n=10 k=5": "bandit", "n=100 k=5": "bandit pulls=100"}  # n pulls of k arms: the task of ours
RL2_BANDITS = {"n=10 k=5": 6.7, "n=100 k=5": 78.7}  # published, table 1
MDPS = {  # row of figures/classic_mdps.json: what it is called
    "psrl": Bilingual("사후 샘플링(PSRL)", "posterior sampling (PSRL)"),
    "epsilon_greedy": Bilingual("ε-탐욕", "ε-greedy"),
    "greedy": Bilingual("탐욕", "greedy"),
    "ucrl2": Bilingual("UCRL2", "UCRL2"),
    "beb": Bilingual("BEB", "BEB"),
}
RL2_MDPS = 156.2  # published, table 2, 10 episodes


def ours(method: str, task: str, digits: int) -> str:
    """The median over ten seeds of the return on test problems, from figures/results, as a table shows it.

    Where one of the ten is missing, is damaged or was made with other settings: that it was not run.
    """
    seeds = [Cell(method, task, seed) for seed in range(10)]
    done, missing, _ = done_and_missing(seeds, figures_folder() / "results")
    return cards.both(NOT_RUN) if missing else f"{median(result['test_return'] for result in done):.{digits}f}"


def classic_bandits_table() -> None:
    """Total reward, what is published, and how much was found out about the arms, for 10 and for 100 pulls."""
    table = recorded("classic_bandits.json", "table")
    require_parts("classic_bandits.json", table, SIZES)
    for size in SIZES:
        require_parts("classic_bandits.json", table[size], BANDITS)
    head = [cards.both(Bilingual("알고리즘", "algorithm"))]
    for size in SIZES:
        pulls = size.split()[0][2:]
        head += [
            cards.both(Bilingual(f"{pulls}번 당기기", f"{pulls} pulls")),
            cards.both(Bilingual("논문", "paper")),
            cards.both(Bilingual("정보 (nat)", "information (nats)")),
        ]
    body = []
    for algorithm, name in BANDITS.items():
        row = [cards.both(name)]
        for size in SIZES:
            cell = table[size][algorithm]
            row += [f"{cell['mean']:.2f}", f"{cell['published']:.1f}", f"{cell['information']:.2f}"]
        body.append(tuple(row))
    row = [cards.both(Bilingual("RL² (시드 10개의 중앙값)", "RL² (median of 10 seeds)"))]
    for size, task in SIZES.items():
        row += [ours("rl2", task, 2), f"{RL2_BANDITS[size]:.1f}", "–"]
    body.append(tuple(row))
    cards.show(cards.table(tuple(head), body))


def classic_mdps_table() -> None:
    """Total reward of 10 episodes in a random MDP: as published, measured again, and told the true prior."""
    table = recorded("classic_mdps.json", "table")
    require_parts("classic_mdps.json", table, [row for name in MDPS for row in (name, f"{name}, true prior")])
    head = (
        Bilingual("알고리즘", "algorithm"), Bilingual("논문", "paper"), Bilingual("다시 잰 값", "measured again"),
        Bilingual("참인 사전 분포를 알면", "told the true prior"),
    )  # fmt: skip
    body = []
    for algorithm, name in MDPS.items():
        again, told = (table[row]["cells"]["n=10"] for row in (algorithm, f"{algorithm}, true prior"))
        numbers = f"{again['published']:.1f}", f"{again['mean']:.1f}", f"{told['mean']:.1f}"
        body.append((cards.both(name), *numbers))
    body.append((cards.both(Bilingual("RL² (시드 10개의 중앙값)", "RL² (median of 10 seeds)")), f"{RL2_MDPS}",
                 ours("rl2", "random-mdp", 1), "–"))  # fmt: skip
    cards.show(cards.table(tuple(cards.both(words) for words in head), body))
