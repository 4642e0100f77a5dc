"""The book: a notebook as it is, both languages, the switch of the lessons, nothing from the network."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from toy_book import PROSE, write_toy

from course_lib.authoring import book
from course_lib.bilingual import CourseError

needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("myst_nb") is None, reason="the extra `book` is not installed; `make book` does"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    return book.build(write_toy(folder / "notebooks"), folder).parent


@needs_sphinx
def test_a_page_holds_both_languages_and_what_was_stored(pages):
    page = (pages / "99_toy.html").read_text(encoding="utf-8")
    article = page[page.index('class="bd-article"') :]
    shown = {"ko": ("보상은", "저장된 출력 $x_1$"), "en": ("The reward is", "stored output $x_1$")}
    for lang, (prose, output) in shown.items():
        assert re.search(rf'<div lang="{lang}">\s*<p>{prose}', article)
        assert f'<div lang="{lang}">{output}</div>' in article
    assert "executed again" in article and "SystemExit: " not in article  # the code is shown, not run


@needs_sphinx
def test_titles_are_bilingual_in_the_list_of_lessons(pages):
    page = (pages / "index.html").read_text(encoding="utf-8")
    sidebar = page[page.index('id="pst-primary-sidebar"') : page.index('class="bd-article"')]
    assert "99 · 장난감 · A toy" in sidebar


@needs_sphinx
def test_the_switch_is_in_the_head_and_has_its_place(pages):
    for name in ("index.html", "99_toy.html"):
        page = (pages / name).read_text(encoding="utf-8")
        head, body = page.split("</head>")
        assert re.search(r'<script src="_static/language\.js[^"]*">', head)  # neither deferred nor a module
        assert body.count('id="course-lang"') == 1
    script = (pages / "_static" / "language.js").read_text(encoding="utf-8")
    assert "localStorage.getItem(KEY)" in script and 'const WHERE = ".bd-article"' in script


@needs_sphinx
def test_nothing_is_fetched_from_the_network(pages):
    for path in pages.glob("*.html"):
        page = path.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img)\b[^>]*\bsrc="([^"]+)"', page)
        links = re.findall(r"<link\b[^>]*>", page)
        loaded = [link for link in links if re.search(r'rel="(stylesheet|preload|icon)"', link)]
        fetched += [re.search(r'href="([^"]+)"', link)[1] for link in loaded]
        for address in fetched:
            assert (path.parent / address.split("?")[0]).is_file(), address
        if path.stem == "99_toy":
            assert any("mathjax" in address for address in fetched)


@needs_sphinx
def test_a_warning_is_an_error(tmp_path):
    broken = write_toy(tmp_path / "notebooks", PROSE + "\n[nowhere](nowhere.md)\n")
    with pytest.raises(CourseError, match="mend what the warnings above say"):
        book.build(broken, tmp_path)


def test_without_notebooks_there_is_no_book(tmp_path):
    with pytest.raises(CourseError, match="make notebooks"):
        book.assemble(tmp_path, tmp_path / "source")


def test_the_switch_is_the_lessons_own():
    """All but the two lines that depend on the page; and a change there is noticed."""
    module = book.SWITCH.read_text(encoding="utf-8")
    script = book.switch_script(module)
    changed = [line for line in module.splitlines() if line not in script.splitlines()]
    assert [line.split(" ")[:2] for line in changed] == [["const", "WHERE"], ["export", "default"]]
    for line in ("const WHERE", "export default"):
        with pytest.raises(ValueError, match=line):
            book.switch_script(module.replace(line, "changed"))
