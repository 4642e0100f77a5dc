"""The stream, recordings and the sentences for bad input."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from course_lib import training
from course_lib.agents import rl2
from course_lib.bilingual import CourseError, with_subject_particle
from course_lib.tasks import make_task


def short(task="map", method="rl2", **settings):
    return training.stream(method, task, 0, **dict(updates=4, trials=24, evaluate_every=2) | settings)


@pytest.mark.parametrize("task, method", [("map", "rl2"), ("bandit", "rl2"), ("point-robot", "rl2"), ("map", "dream")])
def test_a_recording_plays_what_was_recorded(task, method, tmp_path):
    seen = list(training.record(short(task, method), tmp_path / "a.recording"))
    played = list(training.replay(tmp_path / "a.recording"))
    assert len(played) == len(seen) >= 2
    for before, after in zip(seen, played, strict=True):
        assert (before.update, before.metrics, before.references) == (after.update, after.metrics, after.references)
        torch.testing.assert_close(before.trials.action, after.trials.action, atol=0, rtol=0.001)
        finest = max(1, float(before.hidden.abs().max())) / 127
        torch.testing.assert_close(before.hidden, after.hidden, atol=0.51 * finest, rtol=0)
        if task == "map":
            assert torch.equal(before.belief, after.belief)
        if method == "dream":
            torch.testing.assert_close(before.gain, after.gain, atol=1e-3, rtol=1e-3)
        else:
            assert before.gain is None and after.gain is None


def test_a_task_that_the_method_does_not_take_is_not_said_to_be_missing():
    with pytest.raises(CourseError) as caught:
        training.method_settings("pearl", "map")
    said = caught.value.message
    assert said.en == "pearl has no settings for map. Give one of: point-robot, gridnavi."
    assert "pearl" in said.ko and "map에서 학습하지 않습니다" in said.ko


@pytest.mark.parametrize("noun", ["방법이", "태스크가", "설정이", "map이(가)"])
def test_the_particle_fits_the_noun(noun):
    bare = noun.removesuffix("이(가)") if noun.endswith("이(가)") else noun[:-1]
    assert with_subject_particle(bare) == noun


def test_a_recording_keeps_how_wide_a_posterior_is(tmp_path):
    (before,) = training.record(training.stream("pearl", "point-robot", 0, updates=0), tmp_path / "a.recording")
    (after,) = training.replay(tmp_path / "a.recording")
    assert before.spread.shape == before.hidden.shape and before.spread.min() > 0
    torch.testing.assert_close(before.spread, after.spread, atol=1e-3, rtol=1e-3)
    (without,) = training.record(short(updates=0), tmp_path / "b.recording")
    assert without.learned_belief is None
    assert without.spread is None and next(training.replay(tmp_path / "b.recording")).spread is None


@pytest.mark.parametrize("method, task", [("varibad", "gridnavi"), ("dream", "homework-map"), ("task-inference", "map")])
def test_a_recording_keeps_the_learned_belief_to_a_byte(method, task, tmp_path):
    (before,) = training.record(training.stream(method, task, 0, updates=0), tmp_path / "a.recording")
    (after,) = training.replay(tmp_path / "a.recording")
    assert before.learned_belief.shape == before.belief.shape
    torch.testing.assert_close(before.learned_belief.sum(dim=-1), torch.ones(before.belief.shape[:2]), atol=1e-4, rtol=0)
    torch.testing.assert_close(before.learned_belief, after.learned_belief, atol=0.5 / 255, rtol=0)


def test_a_recording_knows_the_size_of_its_task(tmp_path):
    seen = list(training.record(short("bandit arms=3 pulls=7"), tmp_path / "a.recording"))
    (played, *_) = training.replay(tmp_path / "a.recording")
    assert played.task == seen[0].task == "bandit arms=3 pulls=7"
    assert make_task(played.task).pulls == played.trials.action.shape[1] == 7
    content = training.load_whole(tmp_path / "a.recording")
    content["snapshots"][0]["task"] = "bandit arms=3 pulls=6"
    training.save_whole(content, tmp_path / "b.recording")
    with pytest.raises(CourseError, match="pulls=6"):
        list(training.replay(tmp_path / "b.recording"))


def test_settings_are_those_of_the_closest_size(monkeypatch):
    known = {"bandit": 1, "bandit pulls=100": 2, "bandit arms=10 pulls=100": 3, "bandit arms=10": 4}
    settings = {name: rl2.Settings(updates=updates) for name, updates in known.items()}
    monkeypatch.setitem(training.METHODS, "rl2", training.Method(rl2.train, settings))
    asked = ["bandit", "bandit arms=3", "bandit pulls=100", "bandit arms=3 pulls=100", "bandit arms=10 pulls=100"]
    assert [training.method_settings("rl2", task).updates for task in asked] == [1, 1, 2, 2, 3]
    assert training.method_settings("rl2", "bandit arms=10 pulls=9").updates == 4
    assert training.method_settings("rl2", "bandit pulls=100 arms=5").updates == 2


def test_a_recording_keeps_only_the_trials_asked_for(tmp_path):
    keep = torch.tensor([3, 5])
    seen = list(training.record(short(), tmp_path / "a.recording", keep=keep))
    played = list(training.replay(tmp_path / "a.recording"))
    assert torch.equal(played[-1].trials.action, seen[-1].trials.action[keep])
    assert torch.equal(played[-1].belief, seen[-1].belief[keep])


def test_a_stopped_recording_is_whole(tmp_path):
    stream = training.record(short(), tmp_path / "a.recording")
    next(stream)
    stream.close()
    assert len(list(training.replay(tmp_path / "a.recording"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.recording"]


def test_a_recording_that_cannot_be_written_is_noticed_before_training(tmp_path):
    with pytest.raises(CourseError, match="written"):
        next(training.record(short(), tmp_path / "no such folder" / "a.recording"))


def test_a_file_that_is_no_recording_gives_a_sentence(tmp_path):
    path = tmp_path / "a.recording"
    for content in (b"", b"not a recording", b"PK\x03\x04 cut off"):
        path.write_bytes(content)
        with pytest.raises(CourseError, match="whole"):
            list(training.replay(path))
    with pytest.raises(CourseError, match="whole"):
        list(training.replay(tmp_path / "absent"))


@pytest.mark.parametrize(
    "call, named",
    [
        (lambda: training.stream("rl3", "map"), "rl2"),
        (lambda: training.stream("rl2", "maps"), "homework-map"),
        (lambda: training.stream("rl2", "map", learning_rat=1), "learning_rate"),
        (lambda: training.stream("rl2", "map", functions={"cary": print}), "make_input, carry, advantages"),
        (lambda: training.stream("e-rl2", "map", functions={"method": print}), "counting, make_input, carry"),
        (lambda: training.stream("task-inference", "gridnavi", functions={"infer": print}), "inference, make_input"),
        (lambda: training.stream("rl2", "bandit arm=3"), "arms, pulls"),
        (lambda: training.stream("rl2", "map", resume={"method": "rl2", "task": "bandit"}), "map"),
        (lambda: training.stream("rl2", "bandit", resume={"method": "rl2", "task": "bandit pulls=9"}), "pulls=9"),
        (lambda: training.stream("rl2", "bandit pulls=9", resume={"method": "rl2", "task": "bandit"}), "same size"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(call, named):
    with pytest.raises(CourseError, match=named) as caught:
        call()
    assert caught.value.message.ko and caught.value.message.en


@pytest.mark.parametrize(
    "given, said",
    [
        (dict(updates="5"), "updates can't be '5'. Give a whole number."),
        (dict(updates=True), "a whole number"),
        (dict(updates=-1), "at least 0"),
        (dict(evaluate_every=0), "at least 1"),
        (dict(shortest="3"), "a whole number or None"),
        (dict(learning_rate="3e-3"), "a number"),
        (dict(privileged=1), "True or False"),
        (dict(memory=None), "a string"),
        (dict(seed="0"), "seed can't be '0'"),
        (dict(seed=True), "seed can't be True"),
        (dict(seed=2**64), "64 bits"),
        (dict(device="gpu"), "'cpu'"),
        (dict(device=5.5), "'cpu'"),
        (dict(functions=print), "a dict"),
        (dict(functions={"carry": 3}), "function carry can't be 3"),
        (dict(resume="x.pt"), "load_whole"),
        (dict(resume={"snapshots": []}), "load_whole"),
    ],
)
def test_what_a_training_cannot_be_given_is_said_before_it_begins(given, said):
    with pytest.raises(CourseError) as caught:
        training.stream("rl2", "map", **given)
    assert said in caught.value.message.en and "주십시오" in caught.value.message.ko


def test_numbers_of_numpy_are_numbers():
    """Seeds come from ``np.arange`` as often as from ``range``, and what is kept of settings must go into JSON."""
    settings = training.method_settings("rl2", "bandit", updates=np.int64(2), learning_rate=np.float32(0.5))
    assert type(settings.updates) is int and type(settings.learning_rate) is float
    states = [training.seeded(seed, "cpu").get_state() for seed in (3, np.int64(3))]
    assert torch.equal(*states)


def test_what_a_setting_may_be_is_taken():
    settings = training.method_settings("rl2", "bandit", updates=0, learning_rate=1, value_trace=None, shortest=3)
    assert (settings.updates, settings.learning_rate, settings.value_trace, settings.shortest) == (0, 1, None, 3)
    for method, known in training.METHODS.items():  # as the settings that ship are themselves
        for task, its in known.settings.items():
            assert training.method_settings(method, task, **vars(its)) == its


def test_a_setting_of_another_kind_in_a_method_of_ones_own_is_its_affair(monkeypatch):
    @dataclass(frozen=True)
    class Own:
        updates: int = 3
        sizes: list[int] = field(default_factory=list)

    monkeypatch.setitem(training.METHODS, "own", training.Method(rl2.train, {"map": Own()}))
    assert training.method_settings("own", "map", sizes=[1, 2]).sizes == [1, 2]
    with pytest.raises(CourseError, match="updates"):
        training.method_settings("own", "map", updates=2.5)
