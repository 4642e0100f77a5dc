"""The book in a real browser, opened from the disk and without a network."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from toy_book import write_toy  # noqa: E402

from course_lib.authoring import book  # noqa: E402

NOTE_THE_LANGUAGE_AT_FIRST = """new MutationObserver(() => {
    if (document.body) window.atFirst ??= document.documentElement.dataset.courseLang ?? "both";
}).observe(document, { childList: true, subtree: true });"""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("myst_nb") is None, reason="the extra `book` is not installed; `make book` does"
)


def test_one_press_switches_prose_and_outputs_and_is_remembered(browser, tmp_path):
    first = book.build(write_toy(tmp_path / "notebooks"), tmp_path)
    context = browser.new_context(offline=True)
    page = context.new_page()
    failures = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto((first.parent / "99_toy.html").as_uri())
    korean, english = (page.locator(f".bd-article [lang={lang}]") for lang in ("ko", "en"))
    assert korean.count() == english.count() == 2

    def showing() -> tuple[list[bool], list[bool]]:
        return tuple([one.is_visible() for one in language.all()] for language in (korean, english))

    assert showing() == ([True, True], [True, True])
    page.get_by_role("button", name="한국어", exact=True).click()
    assert showing() == ([True, True], [False, False])
    page.get_by_role("button", name="English", exact=True).click()
    assert showing() == ([False, False], [True, True])
    page.add_init_script(NOTE_THE_LANGUAGE_AT_FIRST)
    page.reload()
    assert showing() == ([False, False], [True, True])
    assert page.evaluate("window.atFirst") == "en"  # the other language never flashes up
    for place in (".bd-article [lang=en] p", ".text_html [lang=en]"):
        page.locator(f"{place} mjx-container").wait_for()  # the formulas of prose and output, drawn offline
    page.goto(first.as_uri())
    assert page.evaluate("document.documentElement.dataset.courseLang") == "en"
    pressed = page.get_by_role("button", name="English", exact=True)
    assert pressed.get_attribute("aria-pressed") == "true"
    assert failures == []
    context.close()
