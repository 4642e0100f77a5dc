"""Quiz questions and predictions: both languages, no kernel needed, and nothing that differs between runs."""

import re
from dataclasses import replace

import pytest

from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards
from course_lib.lesson import exercise as engine
from course_lib.lesson.exercise import all_exercises
from course_lib.lesson.predict import Prediction, _asked, predict, predicted
from course_lib.lesson.quiz import Choice, Question, _questions, ask, question_html, questions_of, quiz

RIGHT = Choice(Bilingual("트라이얼마다", "per trial"), Bilingual("기억이 남습니다", "memory stays"), right=True)
WRONG = (
    Choice(Bilingual("에피소드마다", "per episode"), Bilingual("배운 것을 잊습니다", "it forgets")),
    Choice(Bilingual("스텝마다", "per <step>"), Bilingual("기억이 없습니다", "no memory at all")),
)
QUESTION = Question("99.a", Bilingual("언제 비웁니까?", "When is it emptied?"), (WRONG[0], RIGHT, WRONG[1]))


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    collected = []
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setattr(cards, "show", collected.append)
    # By its function, because the package's name `predict` is that function, not the module.
    monkeypatch.setitem(predict.__globals__, "display", collected.append)
    monkeypatch.setitem(_questions, "99.a", QUESTION)
    _asked.clear()
    return collected


def test_every_choice_explains_itself_in_both_languages_without_a_kernel():
    document = question_html(QUESTION)
    assert document == question_html(QUESTION)
    assert "<script" not in document and "on" + "click" not in document
    parts = re.findall("<details.*?</details>", document)
    assert len(parts) == 3 and all("<summary" in part for part in parts)
    for part, choice in zip(parts, QUESTION.choices, strict=True):
        assert choice.explanation.ko in part and choice.explanation.en in part
        assert ("✓" in part) == choice.right and ("✗" in part) != choice.right
    assert "per &lt;step&gt;" in document
    # An open explanation would give the answer away.
    assert "<details open" not in document


def test_a_question_or_a_whole_lesson_is_shown(shown):
    quiz("99.a")
    quiz("99")
    quiz(99)  # a lesson's number without quotes is as clear
    assert shown[0] == shown[1] == shown[2] == question_html(QUESTION)
    with pytest.raises(CourseError, match=r"99\.a"):
        quiz("99.z")
    with pytest.raises(CourseError, match="twice"):
        ask(QUESTION)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"choices": (*WRONG, WRONG[0])}, "exactly one"),
        ({"choices": (RIGHT, RIGHT, WRONG[0])}, "exactly one"),
        ({"choices": (RIGHT, WRONG[0])}, "at least three"),
        ({"text": Bilingual("", "When?")}, "empty in one language"),
    ],
)
def test_unsound_questions_are_found(change, complaint):
    assert QUESTION.complaints() == []
    assert any(complaint in found for found in replace(QUESTION, **change).complaints())


def test_the_questions_of_the_course_are_sound():
    lessons = {exercise.lesson for exercise in all_exercises()}
    questions = [question for lesson in lessons for question in questions_of(lesson)]
    assert [complaint for question in questions for complaint in question.complaints()] == []
    places = [[choice.right for choice in question.choices].index(True) for question in questions]
    assert max(map(places.count, places)) < len(places) / 2  # where the answer stands tells nothing
    assert engine.load_lesson("98") is None  # a lesson without exercises is no error


HOW_MUCH = Bilingual("얼마일까요?", "How much?")


def test_a_prediction_is_shown_beside_the_measurement(shown):
    predict("99.p", HOW_MUCH, low=0, high=2, unit="bit")
    widget = shown[-1]
    assert repr(widget) == "Prediction('99.p')"
    widget.value = 1.5
    assert repr(widget) == "Prediction('99.p')"
    predicted("99.p", 0.5)
    assert "1.5 bit" in shown[-1] and "0.5 bit" in shown[-1] and "Difference: 1" in shown[-1]
    assert widget.closed


def test_a_choice_is_shown_by_its_words(shown):
    predict("99.p", HOW_MUCH, (Bilingual("많이", "much"), Bilingual("조금", "little")))
    shown[-1].value = 1
    predicted("99.p", 0)
    assert all(word in shown[-1] for word in ("많이", "much", "조금", "little", "They differ"))


def test_a_skipped_prediction_is_harmless_and_the_same_each_time(shown):
    documents = []
    for _ in range(2):
        predict("99.p", HOW_MUCH)
        predicted("99.p", 0.25)
        documents.append(shown[-1])
    assert documents[0] == documents[1]
    assert "0.25" in documents[0] and "No prediction was recorded" in documents[0]


@pytest.mark.parametrize("measured", [2, "a text"])
def test_without_its_question_a_measurement_says_which_cell_to_run_first(shown, measured):
    predicted("99.p", measured)  # as after a restart: 2 may be the third choice, which nobody knows now
    assert '"99.p" has not been asked yet' in shown[-1] and "먼저 실행한 뒤" in shown[-1]
    assert "measured" not in shown[-1]


def test_running_the_question_again_keeps_what_was_recorded(shown):
    predict("99.p", HOW_MUCH)
    shown[-1].value = 0.75
    predict("99.p", HOW_MUCH)
    first, second = shown[-2:]
    assert isinstance(second, Prediction) and second.value == 0.75 and first.closed
    predicted("99.p", 0.5)
    predict("99.p", HOW_MUCH)
    assert shown[-1].value is None  # seen results do not count as a prediction


def test_an_empty_range_is_said():
    with pytest.raises(CourseError, match="must be smaller"):
        predict("99.p", HOW_MUCH, low=1, high=1)
