"""Both languages of every lesson carry the same; and the rules that hold this see each fault."""

from pathlib import Path

import pytest

from course_lib.authoring.build import complaints, read_lesson
from course_lib.authoring.parity import content, prose_complaints, sentence_endings

SOURCES = sorted((Path(__file__).parents[1] / "notebooks" / "source").glob("*.md"))
KO = "은닉 상태 $h_t$는 `carry`가 넘깁니다. 걸음은 3,000,000번이고 [논문](https://a.org/1)에 있습니다."
EN = "The hidden state $h_t$ is handed on by `carry`, 3000000 steps, see [the paper](https://a.org/1)."


def cell(ko: str = KO, en: str = EN, heading: str = "## 기억 · Memory\n\n") -> str:
    return f'{heading}<div lang="ko">\n\n{ko}\n\n</div>\n\n<div lang="en">\n\n{en}\n\n</div>'


def said(text: str) -> list[str]:
    return [complaint.message.en for complaint in prose_complaints(text, Path("x.md"), 1)]


def test_there_are_lessons():
    assert SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_lesson_says_the_same_in_both_languages(path):
    assert not list(map(str, complaints([read_lesson(path)])))


def test_a_right_cell_passes():
    assert said(cell()) == said(cell(heading="")) == said("## 기억 · Memory") == []
    assert said(cell(heading="# 01 · 기억 · Memory\n\n")) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (dict(en=EN.replace("$h_t$", "$h_{t+1}$")), "The mathematics of the two languages differ"),
        (dict(ko=KO + "\n\n$$x^2$$"), "The mathematics of the two languages differ"),
        (dict(en=EN.replace("3000000", "300000")), "The numbers of the two languages differ"),
        (
            dict(ko=KO + " 보상은 −0.1입니다.", en=EN + " The reward is 0.1."),
            "The numbers of the two languages differ",
        ),
        (dict(en=EN.replace("`carry`", "carry")), "The code of the two languages differ"),
        (
            dict(ko=KO + "\n\n```python\nx = 1\n```", en=EN + "\n\n```python\nx = 2\n```"),
            "The code of the two",
        ),
        (dict(en=EN.replace("a.org/1", "a.org/2")), "The links of the two languages differ"),
        (dict(ko=KO + " ![도시](city.png)"), "The images of the two languages differ"),
        (dict(en=EN + " word" * 151), "has 165 words"),
        (dict(ko=KO + " 낱말" * 151), "has 160 words"),
        (dict(ko=EN), "holds no Hangul"),
        (dict(en=EN + " 기억"), "holds Hangul"),
        (dict(ko=KO + "\n\n### 작은 제목"), "A heading stands above"),
        (dict(heading="## Memory\n\n"), "A heading carries both"),
        (dict(heading="## 기억\n\n"), "A heading carries both"),
        (dict(ko=KO + " 이것은 기억이다."), "ending in '기억이다'"),
    ],
)
def test_each_fault_is_seen(fault, message):
    found = said(cell(**fault))
    assert len(found) == 1 and message in found[0], found


def test_a_missing_language_and_another_shape_are_seen():
    ko, en = cell(heading="").split("\n\n<div", 1)
    assert "Korean is missing" in said("<div" + en)[0]
    assert "English is missing" in said(ko)[0]
    assert "another shape" in said(cell().replace('<div lang="ko">\n\n', '<div lang="ko">\n'))[0]
    assert "another shape" in said(cell() + "\n\nafterwards")[0]
    assert "Korean is missing" in said("Only prose.")[0]


def test_the_line_is_that_of_the_language():
    (complaint,) = prose_complaints(cell(en=EN + " 기억"), Path("x.md"), 10)
    assert str(complaint).startswith("x.md:20: ") and cell(en=EN).splitlines()[10].startswith("The hidden")


def test_numbers_are_compared_by_value_and_ordinals_are_words():
    assert content("3,000,000번, 0.50과 −1").numbers == content("3000000 times, 0.5 and -1").numbers
    assert content("2번째 에피소드").numbers == content("the 2nd episode").numbers == content("둘째").numbers
    assert content("$5$ `7` [9](https://a.org/11) 3–4").numbers == content("9, 3, 4").numbers


def test_words_in_mathematics_may_differ():
    assert content(r"$\text{보상} + 1$").mathematics == content(r"$\text{reward}+1$").mathematics


@pytest.mark.parametrize(
    "sentence", ["걷는다.", "해요.", "무엇일까?", "**기억이다.**", "(아니다.)", "다음과 같다:"]
)
def test_endings_that_are_not_formal(sentence):
    assert sentence_endings(f"길을 {sentence} 그렇습니다.")


@pytest.mark.parametrize(
    "sentence", ["걷습니다.", "하십시오.", "무엇입니까?", "- 걷는 다리", "- 계산: 3분.", "- 불필요."]
)
def test_endings_that_are_formal_or_no_sentence(sentence):
    assert not sentence_endings(sentence)
