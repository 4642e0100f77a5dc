"""The small HTML cards of a lesson: readable on light and dark pages, in both languages, without scripts.

Colours are JupyterLab's own variables with a fallback, and never the only carrier of a meaning: every
outcome also has a symbol and a word. Styles are inline, so a card looks the same wherever it is stored.
"""

from __future__ import annotations

import html
import re

from IPython.display import HTML, display
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token

from course_lib.bilingual import Bilingual

TONES = {
    "good": "var(--jp-success-color1, #2e7d32)",
    "bad": "var(--jp-error-color1, #c62828)",
    "careful": "var(--jp-warn-color1, #b26a00)",
    "calm": "var(--jp-brand-color1, #1976d2)",
}
INK = "var(--jp-content-font-color1, inherit)"
QUIET_INK = "var(--jp-content-font-color2, inherit)"
LINE = "var(--jp-border-color2, #9e9e9e)"
PAPER = "var(--jp-cell-editor-background, rgba(128, 128, 128, 0.12))"  # suits the code colours
MONO = "var(--jp-code-font-family, monospace)"
CODE_COLOURS = (  # JupyterLab's own editor colours, so that code reads the same as in a cell
    (Comment, "var(--jp-mirror-editor-comment-color, inherit)"),
    (Keyword, "var(--jp-mirror-editor-keyword-color, inherit)"),
    (Operator.Word, "var(--jp-mirror-editor-keyword-color, inherit)"),
    (String, "var(--jp-mirror-editor-string-color, inherit)"),
    (Number, "var(--jp-mirror-editor-number-color, inherit)"),
    (Name.Builtin, "var(--jp-mirror-editor-builtin-color, inherit)"),
    (Name.Function, "var(--jp-mirror-editor-def-color, inherit)"),
    (Operator, "var(--jp-mirror-editor-operator-color, inherit)"),
)


def show(document: str) -> None:
    """Display a piece of HTML under the running cell."""
    display(HTML(document))


def words(message: Bilingual, tag: str = "div") -> str:
    """Both languages as ``lang``-tagged elements; `code` and **bold** marks become elements.

    A name or a number that is the same in both is said once, whichever language is shown.
    """
    if message.ko == message.en:
        return f"<{tag}>{marked(message.en)}</{tag}>"
    return "".join(f'<{tag} lang="{language}">{marked(text)}</{tag}>' for language, text in message._asdict().items())


def marked(text: str) -> str:
    """Text of one language as HTML: `code` and **bold** marks become elements."""
    with_code = re.sub(r"`([^`]+)`", _inline_code, html.escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", with_code)


def panel(tone: str, heading: str, *body: str) -> str:
    """A card: a coloured edge, a heading line, then pieces of HTML below each other."""
    inside = "".join(f'<div style="margin-top:6px">{piece}</div>' for piece in body if piece)
    return (
        f'<div class="course-card" style="border:1px solid {LINE};border-left:5px solid {TONES[tone]};'
        f'border-radius:4px;padding:8px 14px;margin:6px 0;max-width:60em;color:{INK};line-height:1.5">'
        f'<div style="font-weight:600">{heading}</div>{inside}</div>'
    )


def heading(symbol: str, label: str, title: Bilingual, tone: str) -> str:
    """A heading line: symbol, label and the title in both languages."""
    return (
        f'<span style="color:{TONES[tone]}" aria-hidden="true">{symbol}</span> '
        f"{html.escape(label)} {both(title)}"
    )


def both(message: Bilingual) -> str:
    """Both languages in one line, a thin space apart when both are shown."""
    return words(message, "span").replace('</span><span lang="en">', '</span> <span lang="en">')


def quiet(message: Bilingual) -> str:
    """Both languages in the quieter ink of a footnote."""
    return f'<div style="color:{QUIET_INK};font-size:0.92em">{words(message)}</div>'


def rows(*pairs: tuple[Bilingual, str]) -> str:
    """Labelled blocks of fixed-width text, one below the other."""
    return "".join(
        f'<div style="display:flex;gap:10px;margin:2px 0;align-items:flex-start">'
        f'<div style="flex:0 0 7.5em;color:{QUIET_INK}">{words(label)}</div>{fixed(text)}</div>'
        for label, text in pairs
        if text
    )


def fixed(text: str) -> str:
    """Text in a fixed-width box that scrolls instead of breaking the page."""
    return _box(html.escape(text, quote=False))


def python(source: str) -> str:
    """Python source with the colours of JupyterLab's editor."""
    pieces = []
    for kind, text in PythonLexer(stripnl=False).get_tokens(source):
        escaped = html.escape(text, quote=False)
        colour = next((value for token, value in CODE_COLOURS if kind in token), None)
        plain = colour is None or kind in Token.Text.Whitespace
        pieces.append(escaped if plain else f'<span style="color:{colour}">{escaped}</span>')
    return _box("".join(pieces).rstrip("\n"))


def table(header: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    """A plain table; the cells are HTML already."""
    cell = f"padding:4px 10px;text-align:left;vertical-align:top;border-bottom:1px solid {LINE}"
    top = "".join(f'<th scope="col" style="{cell}">{text}</th>' for text in header)
    head = f"<thead><tr>{top}</tr></thead>" if header else ""
    lines = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{text}</td>' for text in line) + "</tr>" for line in body
    )
    return f'<table style="border-collapse:collapse;color:{INK}">{head}<tbody>{lines}</tbody></table>'


def dots(difficulty: int) -> str:
    """Difficulty 1..5 as filled and empty dots."""
    return "●" * difficulty + "○" * (5 - difficulty)


def _box(escaped: str) -> str:
    return (
        f'<pre style="flex:1;margin:0;padding:4px 8px;background:{PAPER};border-radius:3px;overflow-x:auto;'
        f'font-family:{MONO};font-size:0.9em;line-height:1.4;white-space:pre;color:{INK}">{escaped}</pre>'
    )


def _inline_code(found: re.Match) -> str:
    return f'<code style="background:{PAPER};color:{INK};padding:0 3px;border-radius:3px">{found[1]}</code>'
