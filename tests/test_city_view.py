"""The city that a learner explores: the task's rules and the exact belief, in Python and in the browser."""

import base64
import io
import json
import re
import shutil
import subprocess

import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from course_lib.bilingual import CourseError
from course_lib.exact import Knowledge, exploration_information, optimal_values
from course_lib.tasks import make_task
from course_lib.views.city import (
    LIT,
    SCREEN,
    STATIC,
    city_figure,
    explore_city,
    lit,
    marginals,
    replay,
    stakes,
)

CITIES = ("map", "homework-map", "noisy-tv")
TO_THE_TV = ("left", "up")
TO_THE_MAP = {"map": ("right", "right", "right", "down"), "homework-map": ("right", "right")}


@pytest.fixture
def game():
    return explore_city("map", seed=0)


def random_rounds(task, count, seed):
    """Rounds of random actions, some of them cut short: what the browser may hold at any moment."""
    generator = torch.Generator().manual_seed(seed)

    def draw(limit):
        return int(torch.randint(limit, (), generator=generator))

    weights = torch.tensor([3.0, 3, 3, 3, 1, 6, 0.2])  # rides often, ends seldom
    for number in range(count):
        lists = torch.multinomial(
            weights, 2 * task.trial.horizon, replacement=True, generator=generator
        ).view(2, -1)
        exploration, execution = lists.tolist()
        played = dict(problem=draw(task.problem_count), goal=draw(len(task.goals)), again=False, turn=0)
        played["exploration"], played["execution"] = exploration[: draw(task.trial.horizon + 1)], None
        if draw(4):
            played["exploration"].append(task.end_action)
        done = replay(task, played).trials.done[0].nonzero()
        if len(done):  # nothing is played after the end of an episode
            played["exploration"] = played["exploration"][: int(done[0]) + 1]
        if len(done) and draw(6):
            played["execution"] = []
            for action in execution[: draw(2 * task.trial.horizon)]:
                if replay(task, played).phase == "over":
                    break
                played["execution"].append(action)
        yield played | dict(showing=number)
    if task.name == "noisy-tv":  # walked to by chance too seldom
        watched = [*map(task.actions.index, TO_THE_TV), *[task.actions.index("wait")] * 6]
        for steps in range(len(watched) + 1):
            yield dict(problem=0, goal=0, showing=steps, exploration=watched[:steps], execution=None)
            yield dict(problem=0, goal=0, showing=3, exploration=[task.end_action], execution=watched[:steps])


# ---- the game from Python ----------------------------------------------------------------------------


def test_a_whole_round_of_the_optimum(game):
    game.new_city(problem=7, goal=3)
    task = game.task
    game.step(*TO_THE_MAP["map"])
    assert game.cell == task.map_cell
    assert game.information == pytest.approx(float(torch.tensor(24.0).log()))
    assert game.belief.argmax() == 7 and game.belief.max() == 1
    game.end()
    assert game.phase == "between"
    # The flag stands one step beyond the stop nearest to it; take the bus that goes there.
    flag = task.goals[3]
    stop = next(
        i
        for i in range(4)
        if abs(task.destination(7, i)[1] - flag[1]) == 1 and task.destination(7, i)[0] == flag[0]
    )
    dx, dy = (a - b for a, b in zip(task.plan.stops[stop], task.plan.start, strict=True))
    game.step({(1, 0): "right", (-1, 0): "left", (0, 1): "up", (0, -1): "down"}[dx, dy])
    game.ride()
    game.step("up")
    assert game.phase == "over"
    assert game.rounds == [
        {
            "problem": 7,
            "goal": 3,
            "again": False,
            "explored": 4,
            "known": 4,
            "nats": 3.1781,
            "best": 0.8,
            "return": 0.8,
        }
    ]
    assert repr(game) == "CityExplorer(map: over, step 3 of 20, 1 of 24 cities possible)"


def test_walking_without_exploring_is_worth_what_the_solver_says(game):
    game.new_city(problem=0, goal=0)
    game.end()
    game.step(*["left"] * 4, *["down"] * 4)
    row = game.rounds[-1]
    assert row["explored"] == 0 and row["nats"] == 0.0
    assert row["return"] == row["best"] == pytest.approx(game.stakes.walking, abs=1e-4) == 0.3


def test_riding_shrinks_the_belief(game):
    game.new_city(problem=11, goal=0)
    assert torch.allclose(game.marginals, torch.full((4, 4), 0.25))
    game.step("up", "ride")
    assert int((game.belief > 0).sum()) == 6
    assert game.marginals[0, game.task.routes[11][0]] == 1
    assert torch.allclose(game.marginals.sum(dim=0), torch.ones(4))
    game.step("ride", "down", "right", "ride")
    assert int((game.belief > 0).sum()) == 2


def test_a_bus_taken_with_the_last_step_is_learned_of(game):
    game.new_city(problem=0, goal=0)
    game.step(*["wait"] * 18, "up", "ride")
    assert game.phase == "between" and int((game.belief > 0).sum()) == 6
    game.step("wait")
    assert game.phase == "execution" and game.cell == (4, 4) and int((game.belief > 0).sum()) == 6


def test_ending_the_execution_costs_the_steps_left(game):
    game.end()
    game.end()
    assert game.rounds[0]["return"] == -2.0


def test_same_city_is_marked_and_new_cities_follow_the_seed(game):
    first = game.played
    game.step("up")
    game.same_city()
    assert game.played["again"] and game.played["exploration"] == []
    assert (game.played["problem"], game.played["goal"]) == (first["problem"], first["goal"])
    game.new_city()
    twin = explore_city("map", seed=0)
    twin.new_city()
    assert twin.played | dict(showing=2) == game.played
    others = [explore_city("map", seed=seed).city["draws"] for seed in (0, 1)]
    assert others[0] != others[1]
    assert len({problem for problem, _ in others[0]}) > 15 and {goal for _, goal in others[0]} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "mistake",
    [
        lambda game: game.step("jump"),
        lambda game: game.new_city(problem=24),
        lambda game: game.new_city(goal=4),
        lambda game: game.new_city(goal=1.0),  # == 1, but no index
        lambda game: game.new_city(goal=True),
        lambda game: (game.end(), game.end(), game.wait()),
        lambda game: explore_city("bandit"),
        lambda game: explore_city("distracting-bus"),
        lambda game: explore_city("map", seed="a"),
        lambda game: explore_city("map", seed=1.5),
    ],
)
def test_mistakes_are_said_in_both_languages(game, mistake):
    with pytest.raises(CourseError) as caught:
        mistake(game)
    assert any("가" <= letter <= "힣" for letter in caught.value.message.ko)
    assert caught.value.message.en.isascii()


# ---- exact values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CITIES)
def test_stakes_are_the_solver_s(name):
    task, worth = make_task(name), stakes(name)
    knowledge = Knowledge(task)
    assert worth.optimum == pytest.approx(knowledge.with_exploration)
    assert worth.walking == pytest.approx(knowledge.no_exploration)
    means = {problems: float(value.mean()) for problems, value in worth.by_knowledge.items()}
    assert means == pytest.approx(knowledge.execution_worth)
    assert torch.equal(worth.known, optimal_values(task)[:, 1:])


@pytest.mark.parametrize("name", CITIES)
def test_results_agree_with_the_exact_information(name):
    game, seen = explore_city(name), set()
    for played in random_rounds(game.task, 100, seed=3):
        game.played = played
        if game.phase != "over":
            continue
        row = game._result()
        exact = float(exploration_information(game.task.tables, game.trials)[0])
        assert row["nats"] == pytest.approx(exact, abs=1e-4)
        seen.add(row["nats"])
    assert len(seen) > 2, "the random rounds should reach several kinds of knowledge"


# ---- the browser's rules are the same ----------------------------------------------------------------

NODE = shutil.which("node")
PROGRAM = """
import {{ readFileSync }} from "node:fs";
import {{ readTables, replay, result, counts, nats, picture }} from "{module}";
const sent = JSON.parse(readFileSync(0, "utf8"));
const get = (name) => (name === "city" ? sent.city : new DataView(Uint8Array.from(sent[name]).buffer));
const tables = readTables(get);
console.log(JSON.stringify(sent.rounds.map((played) => {{
  const now = replay(tables, played);
  const over = now.phase === "over";
  const row = over ? result(tables, played, now) : null;
  return {{ phase: now.phase, clock: now.clock, state: now.state, possible: now.possible,
    counts: counts(sent.city, now.possible), nats: nats(now.possible), row,
    picture: picture(sent.city, played, now) }};
}})));
"""


@pytest.mark.skipif(NODE is None, reason="node is not installed; the browser test plays the same rounds")
@pytest.mark.parametrize("name", CITIES)
def test_javascript_replays_like_the_tables(name, tmp_path):
    game = explore_city(name)
    rounds = list(random_rounds(game.task, 60, seed=5))
    sent = {key: list(getattr(game, key)) for key in ("next_state", "sense", "reward", "ends")}
    module = tmp_path / "city.mjs"
    module.write_text((STATIC / "city.js").read_text(encoding="utf-8"), encoding="utf-8")
    program = tmp_path / "check.mjs"
    program.write_text(PROGRAM.format(module=module.as_uri()), encoding="utf-8")
    done = subprocess.run(
        [NODE, str(program)],
        input=json.dumps(sent | dict(city=game.city, rounds=rounds)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    phases, pictures = set(), set()
    for played, in_browser in zip(rounds, json.loads(done.stdout), strict=True):
        game.played = played
        now, belief = game.round, game.belief
        phases.add(now.phase)
        assert (in_browser["phase"], in_browser["clock"], in_browser["state"]) == (
            now.phase,
            now.clock,
            now.state,
        )
        pictures.add(in_browser["picture"])
        shown = int(game.trials.symbol[0, -1] - game.task.tables.sense[played["problem"], now.state])
        assert (in_browser["picture"] or 0) == shown
        assert in_browser["possible"] == (belief > 0).tolist()
        assert in_browser["nats"] == pytest.approx(game.information)
        chances = torch.tensor(in_browser["counts"]) / int((belief > 0).sum())
        assert torch.allclose(chances, marginals(game.task, belief))
        if now.phase == "over":
            assert in_browser["row"] == game._result()
    assert phases == {"exploration", "between", "execution", "over"}
    assert (len(pictures) > 5) if name == "noisy-tv" else pictures == {None}


# ---- the television ----------------------------------------------------------------------------------


def test_the_television_shows_another_picture_each_step_and_tells_nothing():
    game, seen = explore_city("noisy-tv", seed=1), []
    dark = game.task.tables.sense[0, game.task.state(game.task.tv_cell)]
    for _ in range(2):
        game.step(*TO_THE_TV)
        for _ in range(16):
            seen.append(int(game.trials.symbol[0, -1] - dark))
            game.step("wait")
        assert game.information == 0 and int((game.belief > 0).sum()) == 24
        game.same_city()
    assert len(set(seen)) > 8 and set(seen) <= set(range(16))
    assert seen[:16] != seen[16:], "the same city must not show the same pictures"
    zero, again, one = (explore_city("noisy-tv", seed=seed).city["tv"]["pictures"] for seed in (0, 0, 1))
    assert zero == again != one


def test_no_two_pictures_look_alike():
    for kinds in (1, 2, 3, 8, 16, 100):
        drawn = [lit(picture, kinds) for picture in range(kinds)]
        assert len({(side, *shining) for side, shining in drawn}) == kinds
        assert all(max(cell) < side for side, shining in drawn for cell in shining)


def luminance(colour):
    """WCAG 2.2's relative luminance: what is left of a colour for who sees no hues at all."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_screen_can_be_read_without_seeing_colours():
    assert (luminance(LIT) + 0.05) / (luminance(SCREEN) + 0.05) > 7
    css = (STATIC / "city.css").read_text(encoding="utf-8")
    assert f".cx-screen {{ fill: {SCREEN}; }}" in css and f".cx-lit rect {{ fill: {LIT}; }}" in css


# ---- the still picture -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CITIES)
def test_the_figure_has_no_boxes(name, recwarn, caplog):
    game = explore_city(name)
    game.step("up", "ride")
    task = game.task
    figure = city_figure(
        task,
        problem=0,
        trail=[task.tables.start, task.state((4, 5)) if name == "map" else 17],
        belief=game.belief,
    )
    figure.canvas.draw()
    assert not [w for w in recwarn if "missing from font" in str(w.message)]
    assert caplog.text == "", "a font that is not found is only logged"
    assert len(figure.axes) == 2


@pytest.mark.parametrize("picture", [None, 0, 5, 15])
def test_the_figure_shows_the_television(picture):
    task = make_task("noisy-tv")
    drawn = city_figure(task, picture=picture)
    drawn.canvas.draw()
    squares = [patch for patch in drawn.axes[0].patches if isinstance(patch, Rectangle)]
    shining = [patch for patch in squares if to_hex(patch.get_facecolor()) == LIT]
    (screen,) = [patch for patch in squares if to_hex(patch.get_facecolor()) == SCREEN]
    (x, y), box = task.tv_cell, screen.get_bbox()
    assert abs((box.x0 + box.x1) / 2 - x) < 0.5 and abs((box.y0 + box.y1) / 2 - y) < 0.5
    assert len(shining) == bin(picture or 0).count("1")
    for inner in (patch.get_bbox() for patch in shining):
        assert box.padded(1e-9).contains(*inner.min) and box.padded(1e-9).contains(*inner.max)
    without = city_figure(make_task("map"))
    assert not [patch for patch in without.axes[0].patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("name", CITIES)
def test_a_viewer_that_runs_nothing_shows_the_city_in_both_languages(name):
    game = explore_city(name)
    data, _ = game._repr_mimebundle_()
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} <= data.keys()
    page = data["text/html"]
    assert page.count('lang="ko"') == page.count('lang="en"') == 1 and len(page) < 40_000
    (alternative,) = re.findall(r'alt="([^"]+)"', page)
    assert ("텔레비전 (3,5)" in alternative) == ("television at (3,5)" in alternative) == (name == "noisy-tv")
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])))
    assert picture.width > 200 and len(picture.convert("RGB").getcolors(1_000_000)) > 20


# ---- the page itself, with a stand-in for the notebook -----------------------------------------------

PAGE = """
<!doctype html><html><body><p id="outside" tabindex="0">outside</p><div id="here"></div><script type="module">
const sent = SENT;
const values = { ...sent };
for (const name of ["next_state", "sense", "reward", "ends"])
  values[name] = new DataView(Uint8Array.from(sent[name]).buffer);
const listeners = [];
const model = {
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; listeners.forEach((listen) => listen()); },
  save_changes: () => {}, on: (_, listen) => listeners.push(listen), off: () => {},
};
window.values = values;
window.leaked = [];
document.addEventListener("keydown", (event) => window.leaked.push(event.key));
const source = URL.createObjectURL(new Blob([CODE], { type: "text/javascript" }));
(await import(source)).default.render({ model, el: document.getElementById("here") });
window.ready = true;
</script></body></html>
"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser, game, **options):
    """The game in a page of its own; errors of the page are collected in ``page.errors``."""
    sent = {key: list(getattr(game, key)) for key in ("next_state", "sense", "reward", "ends")}
    sent |= {key: getattr(game, key) for key in ("city", "played", "rounds", "show_belief")}
    code = json.dumps((STATIC / "city.js").read_text(encoding="utf-8")).replace("</", "<\\/")
    page = browser.new_page(**options)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.set_content(PAGE.replace("SENT", json.dumps(sent)).replace("CODE", code))
    page.add_style_tag(content=(STATIC / "city.css").read_text(encoding="utf-8"))
    page.wait_for_function("window.ready")
    return page


def test_a_round_with_keys(browser, game):
    game.new_city(problem=7, goal=3)
    page = opened(browser, game)
    page.locator(".cx").focus()
    for key in ["ArrowRight"] * 3 + ["ArrowDown", "e"]:
        page.keyboard.press(key)
    assert page.locator(".cx").get_attribute("data-phase") == "between"
    assert page.locator(".cx-squares i:not(.cx-out)").count() == 1
    page.keyboard.press("Enter")
    game.end()  # the same round in Python, to find the way
    stop = next(i for i in range(4) if game.task.destination(7, i) == (8, 7))
    way = {(1, 0): "ArrowRight", (-1, 0): "ArrowLeft", (0, 1): "ArrowUp", (0, -1): "ArrowDown"}
    for key in [way[tuple(a - 4 for a in game.task.plan.stops[stop])], " ", "ArrowUp"]:
        page.keyboard.press(key)
    assert page.evaluate("values.rounds") == [
        {
            "problem": 7,
            "goal": 3,
            "again": False,
            "explored": 4,
            "known": 4,
            "nats": 3.1781,
            "best": 0.8,
            "return": 0.8,
        }
    ]
    assert page.evaluate("leaked") == [], "keys pressed in the game are not the notebook's"
    assert page.evaluate("document.activeElement.className").startswith("cx")
    assert (
        page.locator(".cx-verdict [lang=ko]").is_visible()
        and page.locator(".cx-verdict [lang=en]").is_visible()
    )
    page.evaluate("document.documentElement.dataset.courseLang = 'ko'")
    assert (
        page.locator(".cx-verdict [lang=ko]").is_visible()
        and not page.locator(".cx-verdict [lang=en]").is_visible()
    )
    page.keyboard.press("n")
    assert page.locator(".cx").get_attribute("data-phase") == "exploration"
    assert page.errors == []


def test_a_round_with_clicks_and_buttons_on_a_narrow_page(browser, game):
    page = opened(browser, game, viewport={"width": 400, "height": 800})
    page.locator(".cx-tile").nth(4 + 5 * 9).click()  # bus A, above the start
    page.get_by_role("button", name="Ride").click()
    page.get_by_role("button", name="Hide").click()
    assert not page.locator(".cx-matrix").is_visible()
    page.get_by_role("button", name="End exploration").click()
    page.get_by_role("button", name="Execute").click()
    for turn in range(20):  # one step a tap, towards one corner and the opposite one, until time is up
        page.locator(".cx-tile").nth(80 * (turn % 2)).click()
    assert page.locator(".cx").get_attribute("data-phase") == "over"
    page.get_by_role("button", name="Same city again").click()
    assert page.evaluate("values.played.again") is True
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.errors == []


def test_the_television_in_the_browser(browser):
    game = explore_city("noisy-tv", seed=1)
    dark = game.task.tables.sense[0, game.task.state(game.task.tv_cell)]
    page = opened(browser, game, viewport={"width": 390, "height": 800})
    screen, city = page.locator(".cx-lit rect"), page.locator(".cx-city")
    assert screen.count() == 0 and "television at (3,5)" in city.get_attribute("aria-label")
    page.locator(".cx").focus()
    for key, action in (("ArrowLeft", "left"), ("ArrowUp", "up"), *[("w", "wait")] * 5):
        page.keyboard.press(key)
        page.wait_for_timeout(150)  # the walk there is animated
        game.step(action)
        if action == "left":
            continue
        picture = int(game.trials.symbol[0, -1] - dark)
        assert screen.count() == bin(picture).count("1")
        glass = page.locator(".cx-screen").bounding_box()
        halo = page.locator(".cx-halo").bounding_box()
        assert halo["x"] >= glass["x"] + glass["width"] - 1 or halo["y"] >= glass["y"] + glass["height"] - 1
        for box in (one.bounding_box() for one in screen.all()):
            assert glass["x"] <= box["x"] and box["x"] + box["width"] <= glass["x"] + glass["width"]
            assert glass["y"] <= box["y"] and box["y"] + box["height"] <= glass["y"] + glass["height"]
        for said in (city.get_attribute("aria-label"), page.locator(".cx-message").inner_text()):
            assert f"picture {picture + 1} of 16" in said and f"텔레비전 그림 {picture + 1} / 16" in said
    assert "24 of 24 cities possible" in page.locator(".cx-belief").inner_text()
    page.keyboard.press("ArrowDown")
    assert screen.count() == 0 and page.errors == []


# What Notebook 7 does with every key: it listens at the page, before all others, and looks from the focused
# element upwards for one that its shortcut fits; that is the focused one, unless it wears the mark.
NOTEBOOK_7 = """
document.addEventListener("keydown", (event) => {
  for (let at = event.target; at && !at.hasAttribute("data-lm-suppress-shortcuts"); at = at.parentElement)
    if (at.matches(":focus")) {
      event.stopPropagation();
      return window.leaked.push(event.key);
    }
}, true);
"""


def test_keys_are_the_game_s_wherever_in_it_one_is(browser, game):
    page = opened(browser, game)
    page.evaluate(NOTEBOOK_7)
    page.locator("#outside").focus()
    page.keyboard.press("ArrowUp")
    taken = page.evaluate("leaked.splice(0)")
    assert taken == ["ArrowUp"], "the stand-in takes no keys, so this test would see nothing"
    for name in ("Wait", "Hide"):
        page.get_by_role("button", name=name).click()
        page.keyboard.press("ArrowUp")
    assert page.evaluate("leaked") == []
    assert "(4,6)" in page.locator(".cx-city").get_attribute("aria-label")
