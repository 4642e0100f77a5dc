"""What lessons show besides prose: lines of real code, tables and pictures of recorded runs."""

import base64
import html
import importlib
import itertools
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from course_lib.agents import dream, pearl
from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import (
    cards, classics, dreaming, head_to_head, other_solutions, results, sampling, show_code, show_lines,
)
from course_lib.lesson.exercise import exercises_of
from course_lib.lesson.start import recorded, recording
from course_lib.results import Cell
from course_lib.tasks import make_task
from course_lib.views import live

start = importlib.import_module("course_lib.lesson.start")  # of the package, the name is its function's
SOURCES = sorted((Path(__file__).parents[1] / "notebooks" / "source").glob("0[1-9]_*.md"))


@pytest.fixture
def shown(monkeypatch):
    """Calls something and gives the text of what it displays."""

    def call(thing) -> str:
        collected = []
        monkeypatch.setattr(cards, "show", collected.append)
        thing()
        return html.unescape(re.sub(r"<[^>]+>", "", "".join(collected)))

    return call


def test_a_part_of_the_code_is_shown_as_it_stands_there(shown):
    text = shown(lambda: show_lines(dream.bottleneck, "upper bound", "return"))
    assert "from bottleneck in course_lib/agents/dream.py" in text
    assert "def bottleneck" not in text and "(code**2).sum(-1).mean()" in text


def test_a_decorated_function_is_shown_from_its_own_file(shown):
    for show in (show_code, lambda thing: show_lines(thing, "t, begins", "return networks.choose")):
        text = shown(lambda show=show: show(pearl.play_trials))
        assert "course_lib/agents/pearl.py" in text and "contextlib" not in text and "networks.choose" in text


def test_the_recording_of_pearl_shows_posteriors_that_narrow_where_the_goal_was_found():
    *_, last = recording("pearl_point-robot")
    found = (last.trials.reward[:, :80] > 0).any(dim=1)  # before the fifth episode
    width = last.spread[:, 80].prod(dim=-1)
    assert 0.1 < float(found.float().mean()) < 0.9
    assert float(width[found].max()) < 0.5 < float(width[~found].min())
    page = sampling.posterior_figure(last, rows=(0, 7)).data
    assert page.count("data:image/png") == 2 and bool(found[0]) and not bool(found[7])  # as the lesson says


def test_the_first_episodes_of_a_recording_are_drawn():
    *_, last = recording("pearl_point-robot")
    page = sampling.first_episodes_figure({Bilingual("가", "A"): last}).data
    assert f"{last.metrics['covered_first']:.2f}" in page and page.count("data:image/png") == 2


def test_exact_sampling_parts_as_the_lesson_says():
    returns = {
        name: {held: sampling.sampled_by_episode(name, held, copies=10) for held in sampling.HELD}
        for name in ("point-robot", "gridnavi")
    }
    robot = {held: float(by_episode[-1]) for held, by_episode in returns["point-robot"].items()}
    grid = {held: float(by_episode.sum()) for held, by_episode in returns["gridnavi"].items()}
    assert robot["refuted"] > robot["episode"] > 2 * robot["step"]
    assert grid["refuted"] > grid["step"] > 2 * grid["episode"]
    unknown = float("nan")
    page = sampling.held_and_redrawn_figure(
        returns, {"point-robot": [unknown] * 4 + [13.42], "gridnavi": [4.00, 11.07, 11.07, 11.07]}
    ).data
    assert page.count("data:image/png") == 2 and f"{returns['gridnavi']['step'][0]:.1f}" in page
    assert sampling.walks_figure().data.count("data:image/png") == 2


def test_what_walks_in_vain_teach_is_computed_and_stands_beside_pearl(monkeypatch):
    collected = []
    monkeypatch.setattr(cards, "show", collected.append)
    sampling.in_vain_table(copies=20)
    text = html.unescape(re.sub(r"<[^>]+>", " ", "".join(collected)))
    numbers = r"\s+(0\.\d\d)\s+(\d+\.\d)\s+(\d\.\d)\s"  # found, fifth episode once found, fifth episode
    exact, deaf = (re.search(name + numbers, text) for name in ("exact posterior sampling", "walks in vain"))
    assert float(exact[1]) > float(deaf[1]) and float(exact[3]) > float(deaf[3]) + 0.5
    assert min(float(exact[2]), float(deaf[2])) > 12.8  # once found, both go straight there
    assert len(re.findall(r"\(\d+\.\d+ … \d+\.\d+\)", text)) == 6


@pytest.mark.parametrize("first, last", [("no such line", "return"), ("upper bound", "no such line"), ("return", "def")])
def test_lines_that_are_no_longer_there_are_refused(first, last):
    with pytest.raises(CourseError, match="has no line with"):
        show_lines(dream.bottleneck, first, last)


def test_a_table_of_runs_tells_median_and_range_of_where_the_seeds_ended(shown):
    runs = {"a": {str(seed): [dict(gain=9.0), dict(gain=float(seed) - 1)] for seed in range(3)}, "not asked": {}}
    text = shown(lambda: results.table_of_runs(runs, {"a": Bilingual("가", "A")}, {"gain": Bilingual("이득", "gain")}))
    assert "0.00 (−1.00 … 1.00)" in text and "9.00" not in text and "3" in text


@pytest.mark.parametrize(
    "table",
    [
        dreaming.cost_table, dreaming.price_table, dreaming.price_from_the_start_table, dreaming.stop_gradient_table,
        dreaming.random_exploration_table, results.coupling_table, head_to_head.ten_times_table,
    ],
)
def test_recorded_tables_have_a_row_for_each_variant(table, shown):
    text = shown(table)
    assert len(re.findall(r"\(−?\d+\.\d\d … −?\d+\.\d\d\)", text)) >= 6


@pytest.mark.parametrize(
    "figure", [dreaming.distractor_figure, results.coupling_figure, head_to_head.ten_times_figure]
)
def test_recorded_pictures_say_their_numbers_in_both_languages(figure):
    document = figure().data
    for language in ("ko", "en"):
        part = document[document.index(f'<div lang="{language}">') :]
        alternative = re.search(r'alt="([^"]+)"', part)[1]
        assert bool(re.search("[가-힣]", alternative)) is (language == "ko")
        assert re.search(r"\d\.\d\d", alternative)


def test_what_is_the_same_in_both_languages_is_said_once():
    assert cards.words(Bilingual("RL²", "RL²")) == "<div>RL²</div>"
    assert cards.both(Bilingual("탐욕", "greedy")) == '<span lang="ko">탐욕</span> <span lang="en">greedy</span>'


def test_the_picture_of_the_revealing_arm_is_the_one_that_lies_in_figures():
    page = dreaming.revealing_arm_figure().data
    for language in ("ko", "en"):
        part = page[page.index(f'<div lang="{language}">') :]
        committed = (SOURCES[0].parents[2] / "figures" / f"revealing_arm_{language}.png").read_bytes()
        assert base64.b64decode(re.search(r'base64,([^"]+)"', part)[1]) == committed
        assert re.search(r'alt="[^"]*128: \d{6}\. DREAM 8: \d+', part)


def test_the_classic_tables_show_what_was_recorded(shown):
    bandits, mdps = shown(classics.classic_bandits_table), shown(classics.classic_mdps_table)
    index = recorded("classic_bandits.json", "table")["n=10 k=5"]["gittins"]
    assert f"{index['mean']:.2f}6.6{index['information']:.2f}" in bandits  # the published number between
    table = recorded("classic_mdps.json", "table")
    again, told = (table[row]["cells"]["n=10"] for row in ("beb", "beb, true prior"))
    assert f"BEB150.2{again['mean']:.1f}{told['mean']:.1f}" in mdps


@pytest.mark.parametrize("harm", ["missing", "cut short", "without its part", "a folder"])
def test_a_measurement_that_is_lost_is_named_with_the_way_back(harm, monkeypatch, tmp_path):
    monkeypatch.setattr(start, "figures_folder", lambda: tmp_path)
    file = tmp_path / "coupling.json"
    if harm == "cut short":
        file.write_text('{"runs": {"tog', encoding="utf-8")
    elif harm == "without its part":
        file.write_text('{"command": "python -m figures.coupling"}', encoding="utf-8")
    elif harm == "a folder":
        file.mkdir()
    with pytest.raises(CourseError) as said:
        results.coupling_runs()
    for message in said.value.message:
        assert "git restore figures/coupling.json" in message


def test_each_lesson_reads_its_measurements_by_the_way_that_names_a_lost_one(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "figures_folder", lambda: tmp_path)
    for show in (
        results.coupling_figure, classics.classic_bandits_table, classics.classic_mdps_table, dreaming.cost_table,
        dreaming.revealing_arm_figure, other_solutions.noisy_tv_table, head_to_head.seeds_figure,
        head_to_head.ten_times_figure, lambda: sampling.in_vain_table(1),
    ):  # fmt: skip
        with pytest.raises(CourseError, match="git restore"):
            show()


def test_a_picture_that_is_lost_is_named_too(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "figures_folder", lambda: tmp_path)
    with pytest.raises(CourseError, match=r"figures/revealing_arm_ko\.png"):
        start.recorded_picture("revealing_arm_ko.png")


def test_our_own_row_is_the_median_of_all_ten_seeds_or_was_not_run(monkeypatch, tmp_path, shown):
    folder = tmp_path / "results"
    folder.mkdir()
    for path in (start.figures_folder() / "results").glob("rl2_*.json"):
        shutil.copy(path, folder)
    monkeypatch.setattr(classics, "figures_folder", lambda: tmp_path)
    of_seed = [Cell("rl2", "bandit", seed).path(folder) for seed in range(10)]
    returns = sorted(json.loads(path.read_text(encoding="utf-8"))["test_return"] for path in of_seed)
    assert f"RL² (median of 10 seeds){(returns[4] + returns[5]) / 2:.2f}6.7" in shown(classics.classic_bandits_table)

    settings_of_today = of_seed[3].read_text(encoding="utf-8")
    of_seed[3].write_text(settings_of_today.replace('"updates": ', '"updates": 1'), encoding="utf-8")
    assert "RL² (median of 10 seeds)학습 안 함 not run6.7" in shown(classics.classic_bandits_table)
    of_seed[3].unlink()
    assert "RL² (median of 10 seeds)학습 안 함 not run6.7" in shown(classics.classic_bandits_table)


def test_a_picture_has_every_seed(monkeypatch):
    runs = dreaming.dream_runs()
    drawn = []
    monkeypatch.setattr(dreaming, "image_of", lambda figure, alternative: drawn.append(figure) or "")
    dreaming.distractor_figure()
    points = [len(line.get_xdata()) for line in drawn[0].axes[0].lines if line.get_marker() in "os^v"]
    assert points == [len(runs[variant]) for variant in dreaming.SQUEEZED]


def beginning_of(monkeypatch, tmp_path, name, part, *gone):
    """A file of measurements as an interrupted one leaves it: without the parts ``gone``, else as it ships."""
    content = json.loads((start.figures_folder() / name).read_text(encoding="utf-8"))
    for one in gone:
        within = content[part]
        *outer, last = one.split("/")
        for step in outer:
            within = within[step]
        del within[last]
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(start, "figures_folder", lambda: tmp_path)


@pytest.mark.parametrize(
    "show, name, part, gone",
    [
        (results.coupling_figure, "coupling.json", "runs", "perfect explorer"),
        (dreaming.distractor_figure, "dream_ablations.json", "runs", "no bottleneck"),
        (dreaming.revealing_arm_figure, "revealing_arm.json", "learners", "DREAM"),
        (classics.classic_bandits_table, "classic_bandits.json", "table", "n=100 k=5"),
        (classics.classic_bandits_table, "classic_bandits.json", "table", "n=100 k=5/gittins"),
        (classics.classic_mdps_table, "classic_mdps.json", "table", "beb, true prior"),
    ],
)
def test_what_an_interrupted_measurement_lacks_is_named(show, name, part, gone, monkeypatch, tmp_path):
    beginning_of(monkeypatch, tmp_path, name, part, gone)
    with pytest.raises(CourseError) as said:
        show()
    for message in said.value.message:
        assert f"git restore figures/{name}" in message and gone.split("/")[-1] in message


@pytest.mark.parametrize(
    "show, name, gone",
    [
        (results.coupling_table, "coupling.json", "perfect explorer"),
        (dreaming.cost_table, "dream_ablations.json", "cost 0.05"),
        (other_solutions.noisy_tv_table, "explorers.json", "mame noisy-tv"),
        (lambda: sampling.in_vain_table(1), "pearl.json", "three times as long"),
    ],
)
def test_what_was_not_run_has_a_row_that_says_so(show, name, gone, monkeypatch, tmp_path, shown):
    whole = shown(show)
    beginning_of(monkeypatch, tmp_path, name, "runs", gone)
    text = shown(show)
    assert "not run" not in whole and re.search(r"0( seeds\))?학습 안 함 not run", text)
    assert text.count("…") < whole.count("…")


def test_a_number_that_a_seed_lacks_is_left_open(shown):
    runs = {"a": {"0": [dict(gain=1.0)], "1": [dict(loss=1.0)]}}
    variants, columns = {"a": Bilingual("가", "A")}, {"gain": Bilingual("이득", "gain")}
    assert "–" in shown(lambda: results.table_of_runs(runs, variants, columns))


def test_a_figure_without_any_training_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(head_to_head, "figures_folder", lambda: tmp_path)
    with pytest.raises(CourseError, match="no training to show"):
        head_to_head.results_figure()
    monkeypatch.setattr(start, "figures_folder", lambda: tmp_path)
    (tmp_path / "ten_times.json").write_text('{"runs": {}}', encoding="utf-8")
    for show in (head_to_head.ten_times_figure, head_to_head.ten_times_table):
        with pytest.raises(CourseError, match="git restore figures/ten_times.json"):
            show()


def test_a_misspelt_task_is_not_said_to_be_not_run(shown):
    with pytest.raises(CourseError, match="homework-map"):
        head_to_head.results_table("mapp")
    mine = next(one for one in head_to_head.trainings_on_disk() if one["task"] == "map") | dict(task="my-town")
    assert "my-town" in shown(lambda: head_to_head.results_table("my-town", more=[mine]))


@pytest.mark.parametrize("compute", [head_to_head.exact_predictions, head_to_head.exact_lanes])
def test_what_is_exact_is_computed_by_name_and_refused_for_other_kinds_of_task(compute, shown):
    assert {*compute("homework-map")} & {"optimum"}
    for task in ("gridnavi", "point-robot", "bandit", make_task("random-mdp"), 5):
        with pytest.raises(CourseError, match="such as map"):
            compute(task)
    with pytest.raises(CourseError, match="homework-map"):
        compute("mapp")


@pytest.mark.parametrize(
    "given, said",
    [
        (dict(cell=(9, 9)), "no goal at"), (dict(cell=3), "no goal at"), (dict(robot_problem=100), "from 0 to 99"),
        (dict(robot_problem=-1), "from 0 to 99"), (dict(robot_problem="first"), "from 0 to 99"),
    ],
)  # fmt: skip
def test_a_goal_that_is_not_there_is_said(given, said):
    with pytest.raises(CourseError, match=said):
        sampling.walks_figure(**given)


def test_a_snapshot_that_the_figures_of_pearl_cannot_draw_is_said():
    pearls, others = (list(recording(name))[-1] for name in ("pearl_point-robot", "varibad_gridnavi"))
    for rows, said in (((0, 99), "from 0 to 19"), (3, "tuple"), ((), "tuple"), (("a",), "from 0 to 19")):
        with pytest.raises(CourseError, match=said):
            sampling.posterior_figure(pearls, rows=rows)
    for wrong in (others, replace(pearls, spread=None), replace(pearls, trials=None), 3):
        with pytest.raises(CourseError, match="on the point robot"):
            sampling.posterior_figure(wrong)
    for wrong in (others, replace(pearls, metrics={}), 3):
        with pytest.raises(CourseError, match="on the point robot"):
            sampling.first_episodes_figure({"PEARL": wrong})
    for wrong in ({}, pearls):
        with pytest.raises(CourseError, match="dict of names"):
            sampling.first_episodes_figure(wrong)
    assert "data:image/png" in sampling.first_episodes_figure({"PEARL": pearls}).data  # a name in either language


def of_a_learner():
    """No function of the course."""


of_a_learner.__code__ = of_a_learner.__code__.replace(co_filename="<ipython-input-1>")


@pytest.mark.parametrize("thing, name", [(of_a_learner, "of_a_learner"), (5, "5"), (len, "len")])
def test_what_the_course_has_not_written_is_not_shown(thing, name):
    for show in (show_code, lambda thing: show_lines(thing, "a", "b")):
        with pytest.raises(CourseError, match=f"`{name}` is no function or class of this course"):
            show(thing)


def test_a_lesson_that_is_started_with_recordings_says_so_and_trains_nothing(shown):
    def training():
        raise AssertionError("it was trained")
        yield

    try:
        text = shown(lambda: start.start("03", recorded=True))
        assert "기록으로 봅니다" in text and "played from recordings" in text
        result = live.live(training, recorded=itertools.islice(recording("dream_map"), 3)).wait(20)
        assert len(result.history) == 3
        assert live.live(iter([result.last])).wait(20).history == result.history[-1:]  # without a recording it runs
    finally:
        text = shown(lambda: start.start("03"))
    assert "recordings" not in text
    with pytest.raises(CourseError, match="it was trained"):
        live.live(training, recorded=recording("dream_map")).wait(20)
    with pytest.raises(CourseError, match="argument recorded can't be 'yes'"):
        start.start("03", recorded="yes")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_card_says_how_long_a_lesson_takes(path):
    """Its prose was counted, its exercises' minutes were added; an hour with the computing."""
    text = path.read_text(encoding="utf-8")
    card = re.search(
        r"Reading: about (\d+) minutes at 200 words a minute\. Exercises: about (\d+) minutes\. Computing: \d~(\d) minutes",
        text,
    )
    reading, exercises, computing = map(int, card.groups())
    prose = " ".join(re.findall(r'<div lang="en">(.*?)</div>', text, re.DOTALL)).split()
    words = sum(bool(re.search(r"\w", word)) for word in prose)  # a table's bars and a list's dashes are none
    assert abs(reading - words / 200) <= 0.75
    assert exercises == sum(exercise.minutes for exercise in exercises_of(path.name[:2]))
    assert 45 <= reading + exercises + computing <= 61


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_range_strikes_out_what_follows_it(path):
    """JupyterLab and GitHub draw a line through what stands between two tildes of a paragraph: "0.1~0.2, 0.3~0.4"."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    paragraphs = re.split(r"\n\s*\n|\n(?=- |\d+\. |\|)", re.sub(r"`[^`\n]*`", "", prose))
    assert not [words for words in paragraphs if len(re.findall(r"(?<!\\)~", words)) > 1]
