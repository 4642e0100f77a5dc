"""The language of the page: 한국어, English or both.

Everything that a lesson shows stands there in both languages, tagged with ``lang``. The switch sets one
attribute on the page, and one CSS rule hides the other language: in prose, cards and live views at once, in
every open notebook, with nothing computed again. All of it happens in the browser, so that it goes on working
after the kernel was restarted. As long as nobody pressed anything, both languages show.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
from IPython.display import HTML


class LanguageSwitch(anywidget.AnyWidget):
    """Three buttons; ``static/language.js`` does the work. The kernel neither knows nor needs the choice."""

    _esm = Path(__file__).parent / "static" / "language.js"

    def __repr__(self) -> str:
        return "한국어 · English · 둘 다 both"


def language_switch() -> LanguageSwitch:
    """The switch, to be the value of a cell or to be displayed. Several on a page agree with each other."""
    return LanguageSwitch()


def both_languages(ko_html: str, en_html: str, tag: str = "div") -> str:
    """Two pieces of trusted HTML as ``lang``-tagged elements, of which the switch hides one."""
    return f'<{tag} lang="ko">{ko_html}</{tag}><{tag} lang="en">{en_html}</{tag}>'


def bilingual_output(ko_html: str, en_html: str) -> HTML:
    """The output of a cell in both languages. Plain text: ``HTML(Bilingual(…).html())`` escapes it."""
    return HTML(both_languages(ko_html, en_html))
