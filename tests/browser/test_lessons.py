"""The lessons, as a learner meets them: a real JupyterLab in a real browser.

Pictures of what was seen go to ``artifacts/``, for people to look at.
"""

from __future__ import annotations

import re
import time
from collections import deque

import nbformat
import pytest
from cut_short import cut_short
from driving import CELL_S, PANEL, ROOT, Open, Watched, until
from playwright.sync_api import expect

from course_lib.tasks import make_task
from course_lib.views.city import explore_city

FIRST = "notebooks/00_start_here.ipynb"
LESSON = "notebooks/01_end_to_end.ipynb"
SOLVED = [path.stem for path in sorted((ROOT / "notebooks" / "solutions").glob("0[1-9]_*.ipynb"))]
LESSON_S = 600  # the trainings of a lesson, on two busy cores
BUSY, IDLE = 0.1, 0.05  # cores: a training takes all that it is given, a paused one nothing

KEYS = {
    "right": "ArrowRight", "up": "ArrowUp", "left": "ArrowLeft", "down": "ArrowDown", "ride": "Space", "wait": "w",
}  # fmt: skip


def no_dialogs(notebook: Open) -> None:
    """Nothing that asks the learner for an answer, and no note that pops up."""
    for greeting in (".jp-Dialog", ".Toastify__toast"):
        found = notebook.page.locator(greeting)
        assert found.count() == 0, found.first.inner_text()


def shortest_way(task, problem: int, goal: int) -> list[str]:
    """The actions of a shortest way from the start to a goal cell, by breadth-first search."""
    start, end = task.tables.start, task.goals[goal][0] + task.goals[goal][1] * task.width
    ways, open_ends = {start: []}, deque([start])
    while end not in ways:
        state = open_ends.popleft()
        for action, name in enumerate(task.actions):
            arrived = int(task.tables.next_state[problem, state, action])
            if name != "end" and arrived not in ways:
                ways[arrived] = [*ways[state], name]
                open_ends.append(arrived)
    return ways[end]


# ---- lesson 00 -----------------------------------------------------------------------------------------


def test_nothing_stands_between_the_learner_and_the_first_cell(opened):
    notebook = opened()  # at the address that the server printed
    assert notebook.page.evaluate(f"() => {PANEL}.context.path") == FIRST
    no_dialogs(notebook)
    notebook.shot("00-fresh")
    # Nothing has been run: both languages are there to read.
    assert notebook.prose("ko") > 5 and notebook.prose("en") > 5
    notebook.run('start("00")')
    assert notebook.errors() == []
    expect(notebook.page.locator(".course-lang button")).to_have_count(3)
    no_dialogs(notebook)
    assert notebook.complaints == []


def test_a_city_can_be_explored_with_keys_and_with_clicks(opened):
    task, oracle = make_task("map"), explore_city("map", seed=0)
    notebook = opened(FIRST)
    page = notebook.page
    notebook.run('start("00")')
    asked = notebook.run("predict(")
    asked.get_by_role("radio").nth(2).check()
    asked.locator(".course-predict button").click()
    expect(asked.locator(".course-predict [role=status]")).to_contain_text("Recorded")

    cell = notebook.run("explore_city(")
    game = cell.locator(".cx")
    notebook.speak("English")
    game.scroll_into_view_if_needed()
    notebook.shot("00-city-before-en")

    # The first round with keys: to the map, on which every route is written.
    game.locator(".cx-city").click()  # its middle is where one stands: only the keys are the city's now
    selected = notebook.selected()

    def press(key: str) -> None:
        page.keyboard.press(key)
        assert notebook.selected() == selected, f"{key} moved the selection of the notebook"

    (x, y), (to_x, to_y) = task.cell(task.tables.start), task.map_cell
    moves = ["right" if to_x > x else "left"] * abs(to_x - x) + ["up" if to_y > y else "down"] * abs(to_y - y)
    for move in moves:
        press(KEYS[move])
    expect(game.locator(".cx-belief")).to_contain_text("1 of 24 cities possible")
    expect(game.locator(".cx-message")).to_contain_text("You read the map")
    notebook.shot("00-city-map-read-en")
    press("e")
    expect(game).to_have_attribute("data-phase", "between")
    notebook.shot("00-city-between-en")
    press("Enter")
    for action in shortest_way(task, oracle.played["problem"], oracle.played["goal"]):
        press(KEYS[action])
    expect(game).to_have_attribute("data-phase", "over")
    expect(game.locator(".cx-bar .cx-value").first).to_have_text("0.8")
    notebook.shot("00-city-score-en")

    # The next round with the mouse alone.
    game.get_by_role("button", name="New city").click()
    oracle.new_city()
    for move in moves:
        tap(game, task, move)
    expect(game.locator(".cx-belief")).to_contain_text("1 of 24 cities possible")
    game.get_by_role("button", name="End exploration").click()
    game.get_by_role("button", name="Execute").click()
    for action in shortest_way(task, oracle.played["problem"], oracle.played["goal"]):
        tap(game, task, action)
    expect(game).to_have_attribute("data-phase", "over")
    expect(game.locator(".cx-bar .cx-value").first).to_have_text("0.8")

    # The kernel knows the rounds that the browser played.
    shown = notebook.run("game.rounds")
    expect(shown.locator(".jp-OutputArea-output")).to_contain_text("'return': 0.8")
    for language, label in (("ko", "한국어"), ("en", "English")):
        notebook.speak(label)
        game.scroll_into_view_if_needed()
        notebook.shot(f"00-city-rounds-{language}")
    assert notebook.errors() == [] and notebook.complaints == []


def tap(game, task, action: str) -> None:
    """Press the button Ride, or the neighbouring cell of the city."""
    if action == "ride":
        game.get_by_role("button", name="Ride").click()
        return
    label = game.locator(".cx-city").get_attribute("aria-label")
    x, y = map(int, re.search(r"\((\d+),(\d+)\)", label).groups())
    dx, dy = {"right": (1, 0), "up": (0, 1), "left": (-1, 0), "down": (0, -1)}[action]
    # Icons lie over some cells and let clicks through; so the point is clicked, as by a hand.
    tile = game.locator(".cx-tile").nth(x + dx + (y + dy) * task.width)
    box = tile.bounding_box()
    game.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_the_language_switch_works_in_every_direction_and_is_remembered(opened):
    notebook = opened(FIRST)
    notebook.run_all()
    until(notebook.ran_all, CELL_S, "Run All is over")
    assert notebook.errors() == []
    both = notebook.prose("ko"), notebook.prose("en")
    assert min(both) > 20 and both[0] == both[1]
    for label, language in (("한국어", "ko"), ("English", "en"), ("한국어", "ko"), ("둘 다 both", None)):
        notebook.speak(label)
        expect(notebook.page.locator(".course-lang button[aria-pressed=true]")).to_have_text([label])
        if language is None:
            assert (notebook.prose("ko"), notebook.prose("en")) == both
        else:
            assert notebook.foreign(language) == []
            assert notebook.prose(language) == both[0]
    for label, language in (("한국어", "ko"), ("English", "en")):
        notebook.speak(label)
        notebook.pictures(f"00-solved-{language}")

    notebook.command("docmanager:save")
    notebook.reload()
    notebook.run('start("00")')
    expect(notebook.page.locator(".course-lang button[aria-pressed=true]")).to_have_text(["English"])
    assert notebook.foreign("en") == []
    assert notebook.complaints == []


# ---- the other lessons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOLVED)
def test_a_solved_lesson_runs_from_top_to_bottom(lab, opened, name):
    """Lesson 01 with its whole trainings; the others' are cut short, since nbval runs those whole."""
    whole = name.startswith("01")
    path = lab.course / "notebooks" / "solutions" / f"{name}.ipynb"
    if not whole:
        solved = nbformat.read(path, as_version=4)
        cut_short(solved)
        nbformat.write(solved, path)
    notebook = opened(f"notebooks/solutions/{name}.ipynb")
    notebook.run_all()
    if whole:
        city = notebook.cell("city_view = live(")
        until(lambda: city.locator(".clv").count() or notebook.ran_all(), LESSON_S, "the training in the city begins")
        assert notebook.errors() == []
        Watched(city).moves(60)
        city.scroll_into_view_if_needed()
        notebook.shot("01-live-city-both")
    until(notebook.ran_all, LESSON_S, "Run All is over")
    assert [(error["source"][:60], error["evalue"]) for error in notebook.errors()] == []
    for label, language in (("한국어", "ko"), ("English", "en")):
        notebook.speak(label)
        assert notebook.foreign(language) == []
        notebook.pictures(f"{name[:2]}-solved-{language}")
    no_dialogs(notebook)
    assert notebook.complaints == []


def test_an_unsolved_check_says_one_line_and_shows_its_card(opened):
    notebook = opened(LESSON)
    notebook.run_all()
    until(notebook.ran_all, CELL_S, "Run All has come to the first check")
    (error,) = notebook.errors()  # Run All stops there
    assert error["source"].startswith('check("1.1"')
    shown = notebook.cell('check("1.1"').locator(".jp-OutputArea")
    said = shown.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    expect(said).to_have_count(1)
    lines = said.inner_text().strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("[1.1] TODO"), lines
    expect(shown.locator(".course-card")).to_have_count(1)
    assert "Traceback" not in shown.inner_text()
    for label, language in (("한국어", "ko"), ("English", "en")):
        notebook.speak(label)
        shown.scroll_into_view_if_needed()
        notebook.shot(f"01-unsolved-check-{language}")
    assert notebook.complaints == []


def test_a_cell_from_the_middle_says_what_to_run_first(opened):
    """In a kernel in which nothing was run, not even the first cell: what a restart leaves."""
    notebook = opened(LESSON)
    shown = notebook.run('check("1.1"')
    (error,) = notebook.errors()
    assert error["ename"] == "NameError"
    expect(shown).to_contain_text("`check` is made by the cell that begins with `import torch`")
    expect(shown).to_contain_text("먼저 실행하십시오")
    shown.scroll_into_view_if_needed()
    notebook.shot("01-from-the-middle-both")
    assert notebook.complaints == []


# ---- the live view -------------------------------------------------------------------------------------

TRAINING = """\
from course_lib.lesson import recording
from course_lib.lesson.language import language_switch
from course_lib.training import stream
from course_lib.views.live import live

view = live(stream("rl2", "map", seed=0), recorded=recording("rl2_map"))
language_switch()
"""

WAITING = """\
print("waiting")
await view
"""


@pytest.fixture
def training(lab, opened) -> tuple[Open, Watched]:
    """A notebook in which RL² learns the city; its second cell waits for that."""
    notebook = opened(lab.write("training.ipynb", TRAINING, WAITING))
    cell = notebook.run("live(stream")
    return notebook, Watched(cell)


def test_the_live_view_moves_pauses_steps_goes_on_and_stops(training):
    notebook, view = training
    view.moves()
    view.press("pause")
    view.wait_for("paused")
    view.rests()
    before = int(view.steps.replace(",", ""))
    view.press("step")
    until(lambda: int(view.steps.replace(",", "")) > before, 20, "one step more")
    after = int(view.steps.replace(",", ""))
    view.wait_for("paused")
    view.rests()
    assert int(view.steps.replace(",", "")) == after, "a step went on"
    view.press("run")
    view.moves()
    view.press("stop")
    view.wait_for("stopped")
    view.rests()
    notebook.shot("live-stopped-both")
    # Interrupting a cell that waits for a training ends the training too.
    again = Watched(notebook.run("live(stream"))
    again.moves()
    # An interrupt goes its own way and may overtake the cell; it must find the cell at work, as a person would.
    expect(notebook.run("await view", waiting=False).locator(".jp-OutputArea-output")).to_have_text("waiting")
    notebook.command("notebook:interrupt-kernel")
    again.wait_for("stopped")
    assert notebook.complaints == []


def test_a_button_plays_the_recording_in_place_of_the_training(training):
    notebook, view = training
    view.moves()
    view.press("replay")
    expect(view.root.locator(".clv-notice")).to_contain_text("Nothing is being trained")
    expect(view.root.locator(".clv-status")).to_contain_text("기록 재생 중")
    expect(view.root.locator("button[data-do=replay]")).to_be_disabled()
    view.wait_for("finished")  # in seconds: the training takes a minute
    expect(view.root.locator(".clv-title")).to_contain_text("(recorded)")
    expect(view.root.locator(".clv-readout")).to_contain_text("300")  # updates, of the recording's end
    picture = notebook.run("await view").locator(".jp-OutputArea-output img").last
    expect(picture).to_have_attribute("alt", re.compile("Test return 0.38"))  # of the recording's end
    notebook.shot("live-replayed-both")
    assert notebook.complaints == []


def test_a_restarted_kernel_leaves_nothing_running(lab, training):
    notebook, view = training
    view.moves()
    assert lab.work() > BUSY, "nothing computes, so this test would see nothing"
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-kernel'); }")
    notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(view.root.locator(".clv-notice")).to_contain_text("The link to the kernel is broken")
    notebook.wait_for_kernel()
    expect(view.root.locator("button[data-do=stop]")).to_be_disabled()
    notebook.shot("live-link-broken-both")
    until(lambda: lab.work(1.0) < IDLE, 10, "nothing computes after the restart")
    view = Watched(notebook.run("live(stream"))
    view.moves()
    assert notebook.complaints == []


def test_a_closed_tab_pauses_the_training(lab, training):
    notebook, view = training
    view.moves()
    address = notebook.page.url
    notebook.command("docmanager:save")
    notebook.page.goto("about:blank")
    time.sleep(3)
    assert lab.work() > BUSY, "a tab that reloads must not lose its training at once"
    until(lambda: lab.work(1.0) < IDLE, 30, "the training pauses after its tab was closed")
    notebook.page.goto(address)
    notebook.wait_for_kernel()
    Watched(notebook.cell("live(stream")).moves()


SLIDER = (
    "from course_lib.lesson.language import language_switch\n\nlanguage_switch()",
    "from ipywidgets import FloatLogSlider\n\nprice = FloatLogSlider(value=0.01, min=-3, max=0, step=1)\nprice",
    "print(price.value)",
)


def test_a_slider_of_the_lesson_keeps_its_keys(lab, opened):
    notebook = opened(lab.write("slider.ipynb", *SLIDER))
    notebook.run("language_switch()")
    handle = notebook.run("FloatLogSlider").locator(".noUi-handle")
    handle.focus()
    # Notebook 7 would take the arrow for itself; Lab does not, so here the mark itself is what can be seen.
    expect(handle).to_have_attribute("data-lm-suppress-shortcuts", "true")
    notebook.page.keyboard.press("ArrowRight")
    notebook.run("print(price.value)")
    assert "0.1" in notebook.cell("print(price.value)").locator(".jp-OutputArea-output").inner_text()
    assert notebook.complaints == []


def test_narrow_and_dark(training):
    notebook, view = training
    page = notebook.page
    view.moves()
    view.press("pause")
    view.wait_for("paused")
    notebook.command("apputils:change-theme", {"theme": "JupyterLab Dark"})
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    page.wait_for_timeout(1000)
    notebook.shot("live-dark-both")
    ground = view.root.locator("[data-panel=city] canvas").evaluate(
        """canvas => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), seen = {};
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] === 255) seen[data[i] + data[i + 1] + data[i + 2]] = 1 + (seen[data[i] + data[i + 1] + data[i + 2]] ?? 0);
            return +Object.entries(seen).sort((a, b) => b[1] - a[1])[0][0] / 3;
        }"""
    )
    assert ground < 100, f"the canvases keep the colours of the light theme (brightness {ground:.0f} of 255)"
    for label, language in (("한국어", "ko"), ("English", "en"), ("둘 다 both", "both")):
        page.set_viewport_size({"width": 400, "height": 1000})
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        page.wait_for_timeout(500)
        notebook.speak(label)
        page.wait_for_timeout(300)
        # A long output ends in an ellipsis, on purpose; nothing else may be wider than the view.
        over = view.root.evaluate(
            """root => [root, ...root.querySelectorAll("*")].filter(element =>
                element.checkVisibility() && element.getBoundingClientRect().width && !element.closest("output")
                && element.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
                .map(element => `${element.tagName}.${element.className} ${element.textContent.slice(0, 60)}`)"""
        )
        notebook.pictures(f"live-400-dark-{language}", height=1600)
        assert over == [], f"sticks out at 400 px in {language}"
        assert view.root.evaluate("root => root.scrollWidth <= root.clientWidth")
    notebook.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    assert notebook.complaints == []
