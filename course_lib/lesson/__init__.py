"""What a notebook cell calls."""

from course_lib.lesson.exercise import (
    card,
    check,
    exercise_is_solved,
    hint,
    progress,
    solution,
    yours_or_reference,
)
from course_lib.lesson.glossary import glossary
from course_lib.lesson.predict import predict, predicted
from course_lib.lesson.quiz import quiz

__all__ = [
    "card",
    "check",
    "exercise_is_solved",
    "glossary",
    "hint",
    "predict",
    "predicted",
    "progress",
    "quiz",
    "solution",
    "yours_or_reference",
]
