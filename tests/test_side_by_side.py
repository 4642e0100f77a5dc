"""Several methods side by side: who goes next, which problems are shown, what is drawn, and the page of lesson 05."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from fake_training import city_stream
from matplotlib.figure import Figure
from PIL import Image

from course_lib import training
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import knowledge_of, pearl_upper_bound
from course_lib.exact.references import references_of
from course_lib.lesson import head_to_head
from course_lib.tasks import Drawn, Trials, make_task, play
from course_lib.tasks.bring import bring
from course_lib.views import figure, jobs, side_by_side
from course_lib.views.figure import EXECUTE, EXPLORE, decimals
from course_lib.views.live import packed
from course_lib.views.side_by_side import SideBySide, common_pairs, frame, race

CITY = make_task("homework-map")


@pytest.fixture(autouse=True)
def nothing_left_running():
    yield
    if jobs.current() is not None:
        jobs.current().stop()
        jobs.current()._thread.join(3)


def looks(updates: int = 4, seed: int = 0, apart: float = 1.0, steps: int = 100):
    """A stream of which the clocks are known."""
    for k, snapshot in enumerate(city_stream(updates, seed=seed, task_name="homework-map", copies=8)):
        yield replace(snapshot, seconds=k * apart, env_steps=k * steps)


@pytest.fixture(scope="module")
def ended():
    return list(race({"slow": looks(3, apart=2.0), "fast": looks(6, seed=1)}))


# -- the race -------------------------------------------------------------------------------------------------


def test_whoever_is_least_far_goes_next(ended):
    clocks = [{lane: s.seconds for lane, s in together.each.items()} for together in ended]
    assert clocks[0] == {"slow": 0.0, "fast": 0.0}
    assert len(ended) == 1 + 2 + 5 and [together.update for together in ended] == list(range(2, 10))
    for before, after in zip(clocks, clocks[1:]):
        (moved,) = [lane for lane in before if before[lane] != after[lane]]
        assert before[moved] == min(before.values()) or moved == "fast"  # the slow lane has ended
    assert clocks[-1] == {"slow": 4.0, "fast": 5.0}


def test_steps_are_a_clock_as_well():
    order = list(race({"a": looks(3, steps=500), "b": looks(3, steps=100)}, by="env_steps"))
    assert [tuple(s.env_steps for s in together.each.values()) for together in order][:4] == [
        (0, 0), (500, 0), (500, 100), (500, 200)
    ]  # fmt: skip


def test_a_race_that_is_left_closes_its_lanes():
    closed = []

    def lane(name):
        try:
            yield from looks(4)
        finally:
            closed.append(name)

    lanes = {"a": lane("a"), "b": lane("b")}  # held here, so that nothing but the race closes them
    going = race(lanes)
    next(going)
    going.close()
    assert closed == ["a", "b"]


@pytest.mark.parametrize("streams, by", [({}, "seconds"), ({"a": []}, "seconds"), ({"a": looks(1)}, "moons")])
def test_what_can_not_race_is_said(streams, by):
    with pytest.raises(CourseError) as raised:
        list(race(streams, by))
    assert raised.value.message.en.endswith(".") and any("가" <= letter <= "힣" for letter in raised.value.message.ko)


@pytest.mark.parametrize(
    "given",
    [
        ({}, CITY, {}),
        ({"a": []}, CITY, {"by": "hours"}),
        ({"a": []}, CITY, {"by": ["seconds"]}),
        ([[]], CITY, {}),
        ({"a": "rl2"}, CITY, {}),
        ({"a": []}, "map", {}),
        ({"a": []}, make_task("point-robot"), {}),  # its actions have no numbers
        ({"a": []}, bring(lambda _: gymnasium.make("CartPole-v1"), [0], horizon=2), {}),  # its states have none
        ({"a": []}, CITY, {"speed": 0}),
        ({"a": []}, CITY, {"title": "RL2"}),
    ],
)
def test_what_can_not_be_laid_side_by_side_is_said_before_anything_is_shown(given):
    (streams, task, more), before = given, jobs.current()
    with pytest.raises(CourseError) as raised:
        side_by_side.side_by_side(streams, task, **more)
    assert any("가" <= letter <= "힣" for letter in raised.value.message.ko)
    assert jobs.current() is before


def test_a_lane_on_another_task_is_said():
    with pytest.raises(CourseError, match="'b' are on map, not on homework-map"):
        side_by_side.side_by_side({"a": looks(1), "b": city_stream(1, task_name="map")}, CITY).wait(20)


def test_a_lane_may_be_a_function_that_makes_its_stream():
    assert len(list(race({"a": lambda: looks(2)}))) == 2


def test_lanes_without_trials_or_a_problem_in_common_are_said():
    with pytest.raises(CourseError):
        list(race({"a": (replace(s, trials=None) for s in looks(1))}))
    some = [replace(s, trials=s.trials.map(lambda x: x[:8])) for s in looks(1)]  # only problem 0
    other = [replace(s, trials=s.trials.map(lambda x: x[-8:])) for s in looks(1)]
    (apart,) = race({"a": some, "b": other})
    with pytest.raises(CourseError):
        frame(apart, CITY)


# -- what is drawn --------------------------------------------------------------------------------------------


def test_all_lanes_show_the_same_problem_and_goal(ended):
    shown = frame(ended[-1], CITY)
    pairs = list(zip(shown["pair_problem"].tolist(), shown["pair_asked"].tolist(), strict=True))
    assert 1 < len(pairs) <= side_by_side.SHOWN_PAIRS and len(set(pairs)) == len(pairs)
    for number, snapshot in enumerate(ended[-1].each.values()):
        rows = side_by_side.rows_of(snapshot.trials, pairs)
        assert snapshot.trials.problem[rows].tolist() == [problem for problem, _ in pairs]
        assert snapshot.trials.instruction[rows].max(dim=1).values.tolist() == [asked for _, asked in pairs]
        few = snapshot.trials.map(lambda x, rows=rows: x[rows])
        assert shown["state"][number].tolist() == few.state.tolist()
        assert shown["return"][number].tolist() == pytest.approx(few.returns(CITY.trial).tolist())


def test_what_is_added_to_fit_the_longest_lane_does_not_count():
    (whole,) = looks(1)
    columns = {name: column if name == "problem" else column[:, :15] for name, column in vars(whole.trials).items()}
    cut = replace(whole, trials=Trials(**columns))
    (together,) = race({"whole": [whole], "cut": [cut]})
    shown = frame(together, CITY)
    assert shown["valid"].shape[2] == whole.trials.valid.shape[1] > 15 and shown["valid"][1, :, :15].any()
    assert cut.trials.valid[:, -1].any() and not shown["valid"][1, :, 15:].any()


def test_where_all_goals_were_played_they_take_turns():
    drawn, asked = head_to_head.evaluation_trials(CITY)
    (snapshot,) = head_to_head.exact_lanes(CITY)["optimum"]
    assert len(drawn.index) == 96
    pairs = common_pairs([snapshot.trials])
    assert [problem for problem, _ in pairs] == list(range(24)) and {goal for _, goal in pairs} == {1, 2, 3, 4}


def test_a_frame_can_be_sent_and_drawn_in_both_languages(ended):
    shown = frame(ended[-1], CITY)
    content, buffers = packed(shown)
    sent = {array["name"] for array in content["arrays"]} | content["values"].keys()
    assert {"lanes", "references", "city", "pair_problem"} <= sent
    assert sum(len(bytes(buffer)) for buffer in buffers) < 200_000
    for language in ("ko", "en"):
        picture = Image.open(io.BytesIO(side_by_side.png(shown, language, Bilingual("가", "a"))))
        assert picture.width > 900
    said = side_by_side.described(shown, "en")
    assert "slow" in said and "fast" in said and f"here {decimals(shown['return'][0, 0])} " in said


def test_a_task_without_a_map_shows_its_actions():
    task = make_task("revealing-arm", arms=4)
    learning = training.stream("rl2", task.name, seed=0, updates=1, trials=16)
    lanes = {"a": learning, "b": head_to_head.exact_lanes(task)["optimum"]}
    for together in race(lanes):
        pass
    shown = frame(together, task)
    assert "city" not in shown and shown["nats"].shape == (2, len(shown["pair_problem"]))
    assert shown["nats"][1].tolist() == pytest.approx([math.log(3)] * 3)
    assert side_by_side.png(shown, "ko", Bilingual("가", "a")).startswith(b"\x89PNG")


def wandering(name: str) -> Snapshot:
    task, generator = make_task(name), torch.Generator().manual_seed(0)
    act = lambda running: torch.randint(len(task.actions), (16,), generator=generator)  # noqa: E731
    trials = play(task, Drawn(task.tables, torch.arange(16) % 4), generator, act)
    return Snapshot("m", name, 1, 10, 1.0, {"test_return": 0.5}, {}, trials)


def test_every_episode_is_drawn_and_execution_is_what_is_instructed():
    for name, colours in (("gridnavi", [EXPLORE] * 4), ("homework-map", [EXPLORE, EXECUTE])):
        (together,) = race({"a": [wandering(name)]})
        shown = frame(together, make_task(name))
        axes = Figure().add_subplot()
        side_by_side.draw_city_lane(axes, shown, 0, 0)
        paths = [line for line in axes.lines if line.get_marker() == "None"]
        assert [line.get_color() for line in paths] == colours
        assert all(len(line.get_xdata()) == len(side_by_side.trail(shown, 0, 0, k)) for k, line in enumerate(paths))


def test_the_rewards_that_count_are_told_step_by_step():
    for name, counted in (("random-mdp", None), ("revealing-arm", 1)):
        task, generator = make_task(name), torch.Generator().manual_seed(0)
        act = lambda running, task=task, generator=generator: torch.randint(  # noqa: E731
            len(task.actions), (4,), generator=generator
        )
        trials = play(task, task.draw(4, generator), generator, act)
        (together,) = race({"a": [Snapshot("m", name, 1, 10, 1.0, {}, {}, trials)]})
        shown = frame(together, task)
        axes = Figure().add_subplot()
        side_by_side.draw_tape(axes, shown, 0, 0)
        real = shown["valid"][0, 0] > 0
        told = [text.get_text() for text in axes.texts if text.get_text() != "■"]
        signed = ["+" in text or "−" in text.split()[-1] for text in told]
        assert signed == [bool(shown["counted"][k]) for k in shown["episode"][0, 0][real]]
        squares = [text.get_color() for text in axes.texts if text.get_text() == "■"]
        assert (EXECUTE in squares) is (counted is not None)


def test_a_method_that_measures_no_return_has_its_picture():
    (together,) = race({"a": [replace(wandering("gridnavi"), metrics={})]})
    shown = frame(together, make_task("gridnavi"))
    assert side_by_side.png(shown, "ko", Bilingual("가", "a")).startswith(b"\x89PNG")


def test_lanes_that_do_not_learn_have_no_curve(ended):
    (still,) = race({"optimum": head_to_head.exact_lanes(CITY)["optimum"]})
    heights = []
    for together, learning in ((still, False), (ended[-1], True)):
        shown = frame(together, CITY)
        assert shown["learning"] is learning
        heights.append(Image.open(io.BytesIO(side_by_side.png(shown, "en", Bilingual("가", "a")))).height)
    assert heights[0] < 0.7 * heights[1]


def test_without_a_hangul_font_the_picture_says_how_to_get_one(ended, monkeypatch):
    monkeypatch.setattr(figure, "hangul_font", lambda: None)
    monkeypatch.setattr(side_by_side, "hangul_font", lambda: None)
    outcome = jobs.Outcome("finished", ended[-1], [])
    page = side_by_side.Comparison(outcome, frame(ended[-1], CITY), Bilingual("가", "a")).html()
    assert "NanumGothic" in page and page.count("<img") == 2


def test_other_numbers_can_be_drawn_than_the_snapshots(ended):
    (first, *_) = race({"a": looks(1)}, references={"optimal_return": 0.5})
    assert frame(first, CITY)["references"] == {"optimal_return": 0.5}
    assert frame(ended[-1], CITY)["references"]["optimal_return"] == pytest.approx(0.8)


def test_headless_it_runs_to_its_end():
    view = SideBySide(race({"a": looks(3), "b": looks(2, seed=1)}), Bilingual("가", "a"), CITY)
    view.job.start()
    result = view.wait(20)
    assert result.state == "finished" and set(result.metrics) == {"a", "b"}
    bundle = result._repr_mimebundle_()
    assert repr(result).startswith("finished · a ") and bundle["text/html"].count("<img") == 2


# -- what lesson 05 says that is exact -------------------------------------------------------------------------


def test_the_exact_lanes_are_what_they_are_called():
    lanes = {name: next(stream) for name, stream in head_to_head.exact_lanes(CITY).items()}
    best = references_of(CITY)["optimal_return"]
    assert lanes["optimum"].metrics["test_return"] == pytest.approx(best, abs=1e-5)
    sampled = [next(head_to_head.exact_lanes(CITY, seed)["posterior sampling"]) for seed in range(12)]
    mean = np.mean([snapshot.metrics["test_return"] for snapshot in sampled])
    assert mean == pytest.approx(pearl_upper_bound(CITY)["return"], abs=0.1)


def test_most_information_first_agrees_where_everything_can_be_found_out():
    found = head_to_head.most_information_first(CITY)
    assert found["information"] == pytest.approx(math.log(24), abs=1e-4)
    assert found["return"] == pytest.approx(knowledge_of(CITY).with_exploration, abs=1e-3)


def test_on_the_two_boards_the_most_information_is_worth_less():
    from course_lib.lesson.exercises.lesson05 import two_boards
    from course_lib.tasks import Tables, TableTask, TrialShape

    next_state, reward, sense = two_boards(8, 2, 0.2)
    tables = Tables(next_state, reward, torch.zeros(1, 3, 3, dtype=torch.bool), sense, torch.eye(11), 0)
    every, trial = torch.arange(16), TrialShape(1, (False, True), (False, True))
    task = TableTask("boards", Bilingual("가", "a"), tables, trial, tuple("AB01234567"), every, every)
    found = head_to_head.most_information_first(task)
    assert found["information"] == pytest.approx(math.log(8), abs=1e-5)
    assert found["return"] == pytest.approx(0.35, abs=1e-3)
    assert knowledge_of(task).with_exploration == pytest.approx(0.5125, abs=1e-5)
    assert knowledge_of(task).no_exploration == pytest.approx(0.2625, abs=1e-5)


def test_a_missing_training_is_not_run_and_never_zero(monkeypatch):
    shown = []
    monkeypatch.setattr(head_to_head.cards, "show", shown.append)
    monkeypatch.setattr(head_to_head, "trainings_on_disk", list)
    head_to_head.results_matrix()
    head_to_head.results_table("map")
    assert "not run" in shown[0] and "not run" in shown[1] and "0.00" not in shown[0] + shown[1]
    fit = sum(map(len, head_to_head.tasks_of_methods().values()))
    assert shown[0].count("not run") == fit  # one for each method and task that fit, and none elsewhere


def test_failed_seeds_stay_in_the_median():
    assert head_to_head.middle([1.0, None, None]) is None and head_to_head.middle([1.0, 5.0, None]) == 5.0


def test_the_ten_seeds_are_those_the_lesson_tells_of():
    finals = {run["seed"]: run["test_return"] for run in head_to_head.ten_seeds()}
    assert sorted(finals) == list(range(10, 20))
    assert [seed for seed, value in finals.items() if value < 0.77] == [14, 18]
    assert finals[14] == pytest.approx(0.51, abs=0.005) and finals[18] == pytest.approx(0.59, abs=0.005)


def test_letters_hide_who_is_who():
    lanes, who = head_to_head.masked({"x": 1, "y": 2, "z": 3}, seed=3)
    assert list(lanes) == ["A", "B", "C"] and {who[k]: v for k, v in lanes.items()} == {"x": 1, "y": 2, "z": 3}
    assert len({tuple(head_to_head.masked({"x": 1, "y": 2, "z": 3}, seed)[1].values()) for seed in range(20)}) > 1
