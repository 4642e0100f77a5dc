"""The views on a phone: a Binder tab as wide as a hand, in Lab's mode of a single document."""

from __future__ import annotations

import pytest
from driving import Open
from playwright.sync_api import expect

PHONE = 390
FINGER = 32  # px, the least height and width of what is pressed

NOTEBOOK = (
    """\
from course_lib.lesson import recording
from course_lib.lesson.language import language_switch
from course_lib.tasks import make_task
from course_lib.views.city import explore_city
from course_lib.views.live import live
from course_lib.views.side_by_side import side_by_side

language_switch()
""",
    'the_city = explore_city("noisy-tv", seed=1)\nthe_city',
    'hidden_states = live(recording("rl2_map"), speed=None)',
    'posterior = live(recording("pearl_point-robot"), speed=None)',
    'race = side_by_side({name: recording(f"{name}_map") for name in ("rl2", "dream")}, make_task("map"), speed=None)',
)
LABELS = {"ko": "한국어", "en": "English", "both": "둘 다 both"}
VIEWS = {"the_city": ".cx", "hidden_states": ".clv", "posterior": ".clv", "race": ".csb"}

# What is wider than it may be, or too small: in words, so that a failure says what to mend.
FAULTS = """(root, finger) => {
    const edge = root.getBoundingClientRect(), page = document.documentElement, faults = [];
    const cut = element => element.closest("output, .cx-scroll"); // a long output ends in an ellipsis, on purpose
    const named = element => `${element.tagName}.${element.className.baseVal ?? element.className} ${element.textContent.slice(0, 40)}`;
    if (edge.left < 0 || edge.right > page.clientWidth) faults.push(`view from ${edge.left} to ${edge.right}`);
    if (page.scrollWidth > page.clientWidth) faults.push(`page of ${page.scrollWidth}`);
    if (root.scrollWidth > root.clientWidth) faults.push(`inside of ${root.scrollWidth}`);
    for (const element of root.querySelectorAll("*")) {
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        const { left, right, width, height } = element.getBoundingClientRect();
        if (width && (left < edge.left - 1 || right > edge.right + 1) && !cut(element)) faults.push(`over: ${named(element)}`);
        if (element.matches("button, select, input") && Math.min(width, height) < finger)
            faults.push(`${width} × ${height}: ${named(element)}`);
        const writes = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        if (writes && !element.closest("svg") && parseFloat(getComputedStyle(element).fontSize) < 11) faults.push(`tiny: ${named(element)}`);
    }
    return faults;
}"""


@pytest.fixture(scope="module")
def phone(lab, browser):
    """The notebook, run from top to bottom on a phone."""
    path = lab.write("phone.ipynb", *NOTEBOOK)
    notebook = Open(browser, lab.at(path, "phone", mode="doc"), width=PHONE, height=800)
    notebook.run("language_switch()")
    for source, view in VIEWS.items():  # one after the other: a new training ends the one before
        shown = notebook.run(source).locator(view)
        expect(shown).to_be_visible()
        if view != ".cx":
            expect(shown).to_have_attribute("data-state", "finished", timeout=60_000)
    assert notebook.errors() == []
    yield notebook
    notebook.close()
    lab.shut_down_kernels()


@pytest.mark.parametrize("language", LABELS)
@pytest.mark.parametrize("source", VIEWS)
def test_a_view_fits_the_phone(phone, source, language):
    phone.speak(LABELS[language])
    root = phone.cell(source).locator(VIEWS[source])
    root.scroll_into_view_if_needed()
    phone.page.wait_for_timeout(200)
    phone.shot(f"phone-{source}-{language}")
    assert root.evaluate(FAULTS, FINGER) == []


def test_the_city_is_played_with_fingers(phone):
    game = phone.cell("the_city").locator(".cx")
    phone.speak("English")
    tiles = game.locator(".cx-tile")
    assert min(tiles.first.bounding_box()[side] for side in ("width", "height")) > 24  # as wide as the phone lets it
    for x, y in ((3, 4), (3, 5)):  # one cell to the left, one up: the television
        box = tiles.nth(x + 9 * y).bounding_box()
        phone.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(game.locator(".cx-message")).to_contain_text("The television shows picture")
    assert phone.complaints == []
