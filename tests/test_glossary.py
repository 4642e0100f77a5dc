"""One word for one thing: the glossary is whole, and no lesson uses a spelling that the course avoids."""

from pathlib import Path

import pytest

from course_lib.bilingual import CourseError
from course_lib.lesson import cards
from course_lib.lesson.glossary import TERMS, find_term, glossary, variants_in

REPOSITORY = Path(__file__).resolve().parents[1]
READ_BY_LEARNERS = sorted([
    *(REPOSITORY / "notebooks" / "source").glob("*.md"),
    *(REPOSITORY / "course_lib" / "lesson" / "exercises").glob("*.py"),
    *(REPOSITORY / "course_lib" / "views").glob("*.py"),
    REPOSITORY / "README.md",
])


@pytest.mark.parametrize("path", [*filter(Path.exists, READ_BY_LEARNERS)], ids=lambda path: path.name)
def test_no_other_spelling_is_used(path):
    found = variants_in(path.read_text(encoding="utf-8"))
    assert not found, "\n".join(f"{path.name}:{line}: '{what}' → '{term.ko}'" for line, what, term in found)


def test_every_term_has_both_names_and_meanings():
    assert len({term.en for term in TERMS}) == len({term.ko for term in TERMS}) == len(TERMS)
    for term in TERMS:
        assert term.meaning.ko.endswith("니다.") and term.meaning.en.endswith(".") and term.never, term


def test_the_glossary_obeys_itself():
    for term in TERMS:
        for text in (term.ko, term.en, *term.meaning):
            assert variants_in(text) == [], text


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("이 숨은 상태는", "숨은 상태"), ("히든 스테이트를 넘깁니다", "히든 스테이트"), ("샘플 복잡도가", "샘플 복잡도"),
        ("a multi-arm bandit", "multi-arm bandit"),
        ("Meta reinforcement learning", "meta reinforcement learning"),
        ("| 목적함수 |", "목적함수"), ("```{note}\n```\n리워드를", "리워드"),
    ],
)
def test_other_spellings_are_found(text, variant):
    assert variant in [what for _, what, _ in variants_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "은닉 상태와 은닉층", "인터랙션과 트랜잭션", "CS224R 과제", "함수의 반환값", "목록을 탐색합니다", "시행착오를 겪습니다",
        "확률의 기울기", "`메타학습`이라는 이름", "```python\n# 리워드\n```", "metatest data", "단일화와 공유",
    ],
)
def test_legal_words_are_left_alone(text):
    assert variants_in(text) == []


def test_terms_are_found_by_either_name_and_near_misses_are_named():
    assert find_term("Hidden State") is find_term("은닉 상태")
    with pytest.raises(CourseError, match="hidden state"):
        find_term("hiden state")


def test_the_chosen_terms_are_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(cards, "show", shown.append)
    glossary("belief", "은닉 상태")
    glossary()
    assert "베이즈 최적" not in shown[0] and shown[0].index("신념") < shown[0].index("은닉 상태")
    assert all(term.ko in shown[1] for term in TERMS)
