"""Recorded trainings of lesson 04's methods, as tables: every seed, also those that failed."""

from __future__ import annotations


from course_lib.bilingual import Bilingual
from course_lib.lesson.results import table_of_runs
from course_lib.lesson.start import recorded

EXPLORERS = {
    "mame": Bilingual("놀라움 (MAME의 자리)", "surprise (in MAME's place)"),
    "metacure": Bilingual("예측의 차이 (MetaCURE)", "difference of predictions (MetaCURE)"),
    "dream": Bilingual("z에 대한 정보 (DREAM)", "information about z (DREAM)"),
}
INFORMATION = Bilingual("정보 (nat)", "information (nats)")
WORTH = Bilingual("알아낸 것의 값어치", "worth of what it found")
RETURN = Bilingual("테스트 리턴", "test return")


def explorer_runs() -> dict[str, dict[str, list[dict]]]:
    """The curves of ``figures/explorers.json``: "method task" → seed → a row a snapshot."""
    return recorded("explorers.json", "runs")


def noisy_tv_table() -> None:
    """Three explorers in the city with a map and a screen of noise."""
    columns = {
        "watched": Bilingual("화면 앞 걸음", "steps at the screen"),
        "map_read": Bilingual("지도를 읽은 비율", "share that read the map"),
        "information": INFORMATION,
        "knowledge_worth": WORTH,
        "test_return": RETURN,
    }
    _table("noisy-tv", columns)


def hurried_table() -> None:
    """The same in the city with distracting buses, where exploration has few steps."""
    columns = {
        "useful_buses": Bilingual("쓸모 있는 버스", "useful buses"),
        "distractor_buses": Bilingual("방해 버스", "distractors"),
        "information": INFORMATION,
        "useful_information": Bilingual("그중 쓸모 있는 것", "of which useful"),
        "knowledge_worth": WORTH,
    }
    _table("hurried-bus", columns)


def _table(task: str, columns: dict[str, Bilingual]) -> None:
    table_of_runs(explorer_runs(), {f"{method} {task}": name for method, name in EXPLORERS.items()}, columns)
