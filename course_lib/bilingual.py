"""Words that a learner reads, in Korean and English at once.

Everything shown carries both languages; the language switch of a lesson hides one of them in the
browser. So what is stored in a notebook, and what a test compares, is the same in either language.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping
from typing import NamedTuple


class Bilingual(NamedTuple):
    """One message in both languages of the course."""

    ko: str
    en: str

    def html(self, tag: str = "div") -> str:
        """Both languages as escaped, ``lang``-tagged elements named ``tag``."""
        return "".join(
            f'<{tag} lang="{language}">{html.escape(text)}</{tag}>'
            for language, text in zip(self._fields, self, strict=True)
        )

    def format(self, **values: object) -> Bilingual:
        """Fill ``{name}`` fields in both languages with the same values."""
        return Bilingual(self.ko.format(**values), self.en.format(**values))

    def __str__(self) -> str:
        return f"{self.ko} / {self.en}"


class CourseError(ValueError):
    """Bad input, said in one sentence a language: what is wrong, what was expected, how to mend it."""

    def __init__(self, message: Bilingual) -> None:
        super().__init__(str(message))
        self.message = message

    def _render_traceback_(self) -> list[str]:
        """What IPython prints instead of a traceback from inside the library."""
        return [f"{type(self).__name__}: {self.message.ko}", f"{type(self).__name__}: {self.message.en}"]


def known_or_error(known: Mapping, name: str, kind: Bilingual):
    """``known[name]``; if there is none, a CourseError that names those there are."""
    if name not in known:
        names = ", ".join(f"'{one}'" if "," in one else one for one in known)
        raise CourseError(
            Bilingual(
                f"'{name}'(이)라는 {with_subject_particle(kind.ko)} 없습니다. 다음 중 하나를 주십시오: {names}.",
                f"There is no {kind.en} '{name}'. Give one of: {names}.",
            )
        )
    return known[name]


def with_subject_particle(noun: str) -> str:
    """A Korean noun with 이 after a consonant, 가 after a vowel; after other letters nobody knows, and both stand."""
    last = ord(noun[-1]) - ord("가")
    if not 0 <= last < 11172:  # the Hangul syllables; each vowel comes with 28 endings, the first of them none
        return f"{noun}이(가)"
    return f"{noun}{'이' if last % 28 else '가'}"


def shown_as_sentence(error: CourseError) -> int:
    """Print a course error as a command-line program should, and return its exit status 2."""
    print(error.message.ko, error.message.en, sep="\n", file=sys.stderr)
    return 2
