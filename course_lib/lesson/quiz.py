"""Quiz questions: choose, and read why, for every choice.

Each choice opens its own explanation in the page itself (the browser's ``details`` element): it works with
Tab, Enter and Space, without a kernel, in a notebook never trusted, and stores the same text each run.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards
from course_lib.lesson.exercise import load_lesson

RIGHT = Bilingual(ko="✓ 맞습니다.", en="✓ Right.")
NOT_THIS = Bilingual(ko="✗ 아닙니다.", en="✗ Not this one.")
HOW = Bilingual(
    ko="고른 답을 눌러 설명을 펼치십시오. 키보드로는 Tab으로 옮기고 Enter로 펼칩니다.",
    en="Click your answer to open its explanation. With the keyboard: Tab moves, Enter opens.",
)


@dataclass(frozen=True)
class Choice:
    """One possible answer, and why it is right or not."""

    text: Bilingual
    explanation: Bilingual
    right: bool = False


@dataclass(frozen=True)
class Question:
    """One question of a lesson's quiz; exactly one choice is right."""

    id: str  # "1.a": first question of lesson 01
    text: Bilingual
    choices: tuple[Choice, ...]

    def complaints(self) -> list[str]:
        """What is wrong with this question, for its author; empty where it is sound."""
        found = []
        if sum(choice.right for choice in self.choices) != 1:
            found.append(f"{self.id}: exactly one choice must be right")
        if len(self.choices) < 3:
            found.append(f"{self.id}: give at least three choices")
        texts = [self.text, *(part for choice in self.choices for part in (choice.text, choice.explanation))]
        if not all(part.strip() for text in texts for part in text):
            found.append(f"{self.id}: a text is empty in one language")
        return found


_questions: dict[str, Question] = {}


def ask(question: Question) -> Question:
    """Make a question known under its id; a lesson's exercise file calls this."""
    if question.id in _questions:
        raise CourseError(Bilingual(
            ko=f'질문 번호 "{question.id}"이(가) 두 번 등록되었습니다.',
            en=f'Question id "{question.id}" is registered twice.',
        ))
    _questions[question.id] = question
    return question


def questions_of(lesson: str) -> list[Question]:
    """The questions of one lesson ("1" or "01"), in the order of their ids."""
    lesson = str(lesson).lstrip("0") or "0"
    load_lesson(lesson)  # a lesson's file registers its exercises and its questions together
    return [one for _, one in sorted(_questions.items()) if one.id.split(".")[0] == lesson]


def quiz(question_id: str) -> None:
    """Show one question ("1.a"), or all questions of a lesson ("1")."""
    question_id = str(question_id)
    known = questions_of(question_id.split(".")[0])
    chosen = [one for one in known if one.id == question_id] if "." in question_id else known
    if not chosen:
        names = ", ".join(one.id for one in known) or ", ".join(sorted(_questions)) or "-"
        raise CourseError(Bilingual(
            ko=f'"{question_id}"(이)라는 질문은 없습니다. 있는 질문: {names}.',
            en=f'There is no question "{question_id}". These exist: {names}.',
        ))
    cards.show("".join(map(question_html, chosen)))


def question_html(question: Question) -> str:
    """One question as HTML in both languages."""
    choices = "".join(_choice_html(letter, choice) for letter, choice in zip("ABCDEFGH", question.choices))
    heading = cards.heading("?", f"[{html.escape(question.id)}]", Bilingual(ko="퀴즈", en="Quiz"), "calm")
    return cards.panel("calm", heading, cards.words(question.text), choices, cards.quiet(HOW))


def _choice_html(letter: str, choice: Choice) -> str:
    verdict, tone = (RIGHT, "good") if choice.right else (NOT_THIS, "bad")
    answer = Bilingual(*(f"**{said}** {why}" for said, why in zip(verdict, choice.explanation, strict=True)))
    return (
        f'<details style="border:1px solid {cards.LINE};border-radius:4px;margin:5px 0;padding:5px 10px">'
        f'<summary style="cursor:pointer"><strong>{letter}.</strong> {cards.both(choice.text)}</summary>'
        f'<div style="margin:5px 0 2px 18px;padding-left:10px;border-left:3px solid {cards.TONES[tone]}">'
        f"{cards.words(answer)}</div></details>"
    )
