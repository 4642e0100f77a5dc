"""What the view shows: the panels' numbers, the frames that go out, and the picture that stays."""

from __future__ import annotations

import asyncio
import io
import json
import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_training import city_stream
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from test_city_view import browser  # noqa: F401  (a fixture)

from course_lib import ENVIRONMENTS, training
from course_lib.agents import rl2
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.tasks import Drawn, Trials, make_task, play
from course_lib.views import figure, jobs, live, panels
from course_lib.views.side_by_side import frame as frame_of_lanes
from course_lib.views.side_by_side import race
from course_lib.views.live import LiveView


@pytest.fixture(autouse=True)
def nothing_left_running():
    yield
    if jobs.current() is not None:
        jobs.current().stop()
        jobs.current()._thread.join(3)


@pytest.fixture(scope="module")
def snapshots():
    return list(city_stream(12))


def rows(snapshots):
    return [{"env_steps": s.env_steps, **s.metrics} for s in snapshots]


def until(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


# ---- numbers ----------------------------------------------------------------------------------------


def test_numbers_in_pictures_have_a_minus_sign():
    numbers = (-1.234, -0.001, 2), (-0.5, 0.001, math.inf)
    assert [figure.decimals(number) for number in numbers[0]] == ["−1.23", "0.00", "2.00"]
    assert [figure.decimals(number, sign="+") for number in numbers[1]] == ["−0.50", "+0.00", "+inf"]
    below = {"metrics": {"test_return": -0.5}, "references": {}, "env_steps": 0}
    assert "−0.50" in figure.described(below, "en")


# ---- panels ------------------------------------------------------------------------------------------


def test_a_long_curve_is_thinned_and_ends_with_the_last_row():
    history = [{"env_steps": i, "test_return": i / 10} for i in range(5000)] + [{"env_steps": 5000}]
    curve = panels.learning_curve(history, ("test_return", "information"))
    assert set(curve) == {"env_steps", "test_return"}
    assert len(curve["env_steps"]) == panels.CURVE_POINTS
    assert curve["env_steps"][0] == 0 and curve["env_steps"][-1] == 4999
    assert curve["test_return"][-1] == np.float32(499.9)


def two_trials() -> Trials:
    """Two trials of 5 steps by hand: explore 3 → 4 → 4 (ends), pause, execute; and explore all along."""
    column = lambda *values: torch.tensor(values)  # noqa: E731
    return Trials(
        problem=column(0, 1),
        instruction=column([0, 0, 0, 2, 2], [0, 0, 0, 0, 0]),
        episode=column([0, 0, 0, 1, 1], [0, 0, 0, 0, 0]),
        state=column([3, 4, 4, 3, 5], [3, 3, 2, 1, 0]),
        symbol=column([3, 4, 4, 3, 5], [3, 3, 2, 1, 0]),
        action=column([0, 1, 0, 2, 0], [1, 0, 0, 0, 1]),
        reward=torch.zeros(2, 5),
        arrived=column([4, 4, 3, 5, 5], [3, 2, 1, 0, 0]),
        done=column([False, True, False, True, False], [False, False, False, False, True]),
        valid=column([True, True, False, True, False], [True] * 5),
    )


def test_visits_are_exact():
    # First: before its actions 3 and 4, at its end 4. Second: before its actions 3 3 2 1 0, at its end 0.
    assert panels.exploration_visits(two_trials(), 6).tolist() == [1.0, 0.5, 0.5, 1.5, 1.0, 0.0]


def test_when_execution_starts_and_trials_end():
    assert panels.execution_start(two_trials()).tolist() == [3, 5]
    assert panels.still_going(two_trials()).tolist() == [[True, True, True, True, False], [True] * 5]


def test_action_share_counts_only_actions_that_are_real():
    share = panels.action_share(two_trials(), 3)
    assert share[0].tolist() == [0.5, 0.5, 0.0]
    assert share[2].tolist() == [1.0, 0.0, 0.0]  # the first trial pauses
    assert share[4].tolist() == [0.0, 1.0, 0.0]


def test_trials_to_show_cover_problems_before_copies():
    problem = torch.tensor([2, 2, 0, 0, 1, 1])
    assert panels.occurrence(problem).tolist() == [0, 1, 0, 1, 0, 1]
    assert panels.one_of_each(problem, 4).tolist() == [2, 4, 0, 3]


def test_principal_axes_of_known_data():
    generator = torch.Generator().manual_seed(0)
    along = torch.tensor([[-0.8, 0.6, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    weights = torch.randn(40, 10, 2, generator=generator) * torch.tensor([5.0, 2.0])
    hidden = weights @ along + 7.0 + 0.01 * torch.randn(40, 10, 4, generator=generator)
    axes, mean, part = panels.principal_axes(hidden, torch.ones(40, 10, dtype=torch.bool))
    # The largest entry of each axis is positive, whatever sign the eigenvector came with.
    known = torch.tensor([[0.8, -0.6, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]).T
    torch.testing.assert_close(axes, known, atol=0.02, rtol=0)
    torch.testing.assert_close(mean, hidden.reshape(-1, 4).mean(0))
    assert part > 0.999


def test_axes_point_the_same_way_whatever_the_eigenvectors_do():
    for seed in range(8):  # LAPACK's signs differ from case to case
        hidden = torch.randn(20, 5, 6, generator=torch.Generator().manual_seed(seed))
        axes, _, _ = panels.principal_axes(hidden, torch.ones(20, 5, dtype=torch.bool))
        assert (axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)) > 0).all()


def test_the_projection_follows_the_one_before():
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(40, 10, 6, generator=generator) * torch.tensor([5.0, 4.9, 1, 1, 1, 1])
    counted = torch.ones(40, 10, dtype=torch.bool)
    axes, _, _ = panels.principal_axes(hidden, counted)
    flipped = -axes[:, [1, 0]]  # as if the picture before had been turned
    followed, _, _ = panels.principal_axes(hidden, counted, before=flipped)
    torch.testing.assert_close(followed, flipped, atol=1e-4, rtol=0)
    torch.testing.assert_close(followed.T @ followed, torch.eye(2), atol=1e-5, rtol=0)


def test_what_does_not_count_does_not_move_the_axes():
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(40, 10, 6, generator=generator)
    counted = torch.ones(40, 10, dtype=torch.bool)
    counted[:, 5:] = False
    axes, _, _ = panels.principal_axes(hidden, counted)
    hidden[:, 5:] = 1000 * torch.randn(40, 5, 6, generator=generator)
    torch.testing.assert_close(panels.principal_axes(hidden, counted)[0], axes)


def test_the_probe_reads_a_planted_code_and_nothing_in_noise():
    generator = torch.Generator().manual_seed(2)
    problem = torch.arange(8).repeat_interleave(6)  # (48,)
    hidden = torch.randn(48, 5, 16, generator=generator)
    code = 4.0 * torch.randn(8, 16, generator=generator)
    hidden[:, 3:] += code[problem][:, None]  # the problem can be read from step 3 on
    counted = torch.ones(48, 5, dtype=torch.bool)
    accuracy = panels.probe_accuracy(hidden, problem, counted)
    assert accuracy[:3].max() < 0.35  # chance is 0.125; 48 trials
    assert accuracy[3:].min() > 0.95


def test_the_probe_is_tested_on_other_trials_than_it_was_fitted_on():
    # As many units as trials: a probe could learn noise by heart, and must not be paid for it.
    hidden = torch.randn(24, 1, 64, generator=torch.Generator().manual_seed(3))
    accuracy = panels.probe_accuracy(hidden, torch.arange(6).repeat(4), torch.ones(24, 1, dtype=torch.bool))
    assert accuracy[0] < 0.5


def test_the_probe_agrees_with_a_plain_loop():
    generator = torch.Generator().manual_seed(4)
    problem = torch.arange(5).repeat(4)
    hidden = torch.randn(20, 3, 7, generator=generator)
    hidden += torch.randn(5, 7, generator=generator)[problem][:, None]
    got = panels.probe_accuracy(hidden, problem, torch.ones(20, 3, dtype=torch.bool), ridge=1e-2)
    for t in range(3):
        right = 0
        for fold in range(4):
            test = torch.arange(20) // 5 == fold
            x = torch.cat([hidden[:, t], torch.ones(20, 1)], dim=1)
            gram = x[~test].T @ x[~test]
            gram += (1e-2 * gram.diagonal()[:-1].mean() + 1e-4) * torch.eye(8)
            weights = torch.linalg.solve(gram, x[~test].T @ (torch.eye(5)[problem[~test]] - 0.2))
            right += int(((x[test] @ weights).argmax(1) == problem[test]).sum())
        assert got[t] == pytest.approx(right / 20)


def test_no_probe_where_a_problem_comes_once():
    everything = torch.ones(4, 2, dtype=torch.bool)
    assert panels.probe_accuracy(torch.ones(4, 2, 3), torch.arange(4), everything) is None


def test_best_accuracy_is_the_mean_of_the_largest_belief():
    belief = torch.tensor([[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.25, 0.75]]])
    counted = torch.tensor([[True, True], [True, True], [True, False]])
    assert panels.best_accuracy(belief, counted).tolist() == [0.5, 0.75]
    counted = torch.tensor([[True, True], [True, False], [True, False]])
    assert panels.best_accuracy(belief, counted)[1].isnan()  # one trial of three says too little


def test_the_gains_of_a_trial_sum_to_the_entropy_that_it_took_away(snapshots):
    last = snapshots[-1]
    gain = panels.exact_gain(last.belief, last.trials.valid)
    left = -(last.belief[:, -1] * last.belief[:, -1].clamp(min=1e-12).log()).sum(dim=-1)
    reading = last.trials.valid[:, :-1].all(dim=1)
    assert gain.shape == last.trials.valid.shape and (gain > -1e-5).all() and gain.max() > 3
    torch.testing.assert_close(gain.sum(dim=1)[reading], (np.log(24) - left)[reading].float(), atol=1e-4, rtol=1e-4)
    half = torch.tensor([[[0.25] * 4, [0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]])
    valid = torch.tensor([[True, True, True]])
    np.testing.assert_allclose(panels.exact_gain(half, valid)[0], [np.log(2), np.log(2), 0], atol=1e-6)
    assert panels.exact_gain(half, ~valid).abs().sum() == 0


def test_the_learned_belief_is_shown_beside_the_exact_one(snapshots):
    task, last = make_task("map"), snapshots[-1]
    assert "belief_learned" not in panels.frame(last, rows(snapshots), task)
    believed = torch.full_like(last.belief, 1 / 24)
    frame = panels.frame(replace(last, learned_belief=believed), rows(snapshots), task)
    chosen = panels.one_of_each(last.trials.problem, 24)
    np.testing.assert_allclose(frame["belief_exact"] / 127, last.belief[chosen], atol=0.5 / 127)
    assert frame["belief_learned"].dtype == np.int8 and np.unique(frame["belief_learned"]).tolist() == [round(127 / 24)]
    many = torch.full((*believed.shape[:2], panels.SHOWN_PROBLEMS + 1), 0.01)
    assert "belief_learned" not in panels.frame(replace(last, belief=many, learned_belief=many), rows(snapshots), task)


def test_the_picture_of_a_belief_is_of_the_trial_in_which_most_is_to_be_found_out(snapshots):
    task, last = make_task("map"), snapshots[-1]
    frame = panels.frame(replace(last, learned_belief=last.belief), rows(snapshots), task)
    exact = frame["belief_exact"].copy()
    exact[:] = 0
    exact[:, :, 0] = 127  # all is known at once,
    exact[5, :, :] = 127 // 24  # but in the sixth trial nothing ever is
    frame |= dict(belief_exact=exact, belief_learned=frame["belief_learned"])
    axes = Figure().subplots()
    figure.draw_belief(axes, frame, lambda key: figure.WORDS[key].en)
    assert axes.get_xlabel() == "step t · trial 6"
    length, shown = int(frame["trial_length"][5]), np.asarray(axes.images[0].get_array())
    assert shown.shape == (24 + 3 + 24, length)
    np.testing.assert_allclose(shown[:24], exact[5, :length].T / 127)
    np.testing.assert_allclose(shown[27:], frame["belief_learned"][5, :length].T / 127)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["exact", "learned"]


def test_a_training_stopped_before_its_first_look_says_so():
    outcome = jobs.Outcome("stopped", None, [])
    found = figure.Result(outcome, None, Bilingual("시험", "test")).metrics
    with pytest.raises(CourseError, match="stopped before its first look, so there is no 'decoder_gap'"):
        found["decoder_gap"]
    assert found == {} and found.get("decoder_gap") is None
    with pytest.raises(CourseError, match="There are: 'test_return'"):
        figure.Metrics(test_return=1.0)["test_returns"]


def test_the_bound_and_the_gains_are_shown_where_a_method_has_them(snapshots):
    task, history = make_task("map"), rows(snapshots)
    plain = panels.frame(snapshots[-1], history, task)
    assert "curve_information_bound" not in plain and "gain_told" not in plain and plain["gain_exact"].shape[0] == 24
    bounds = dict(information_bound=-9.0, code_information=2.5, code_information_max=3.0)
    shown = replace(snapshots[-1], gain=snapshots[-1].belief[..., 0])
    frame = panels.frame(shown, [row | bounds for row in history], task)
    chosen = panels.one_of_each(shown.trials.problem, 24)
    np.testing.assert_array_equal(frame["gain_told"], shown.gain[chosen])
    assert frame["curve_information_bound"].tolist() == [-9.0] * len(history)
    assert len(figure.png(frame, "ko", Bilingual("도시", "City"))) > len(figure.png(plain, "ko", Bilingual("도시", "City")))


def test_a_frame_of_a_city(snapshots):
    task = make_task("map")
    frame = panels.frame(snapshots[-1], rows(snapshots), task)
    trials, steps = 24, snapshots[-1].trials.valid.shape[1]
    assert frame["visits"].shape == (81,)
    assert frame["hidden"].shape == (trials, steps, 64) and frame["hidden"].dtype == np.int8
    assert frame["trial_problem"].tolist() == list(range(24))
    chosen = panels.one_of_each(snapshots[-1].trials.problem, 24)
    back = frame["hidden"] * frame["hidden_scale"] / 127
    assert np.abs(back - snapshots[-1].hidden[chosen].numpy()).max() < 0.005
    assert frame["city"]["map"] == [7, 3] and frame["probe"].shape == (steps,)
    expected = snapshots[-1].trials.returns(task.trial)[chosen]
    np.testing.assert_allclose(frame["trial_return"], expected, rtol=1e-5, atol=1e-6)


def test_the_television_is_drawn_and_said_where_the_city_has_one(snapshots):
    for name, tv in (("map", None), ("noisy-tv", [3, 5])):
        frame = panels.frame(snapshots[-1], rows(snapshots), make_task(name))
        assert frame["city"]["tv"] == tv
        for language, said in (("ko", "텔레비전 (3, 5)"), ("en", "television (3, 5)")):
            assert (said in figure.described(frame, language)) == (tv is not None)
        axes = Figure().add_subplot()
        figure.draw_city(axes, frame, lambda key: figure.WORDS[key].en)
        (places,) = [dots.get_offsets().tolist() for dots in axes.collections if dots.get_label() == "television"] or [[]]
        assert places == ([tv] if tv else [])


# ---- the latent plane ----------------------------------------------------------------------------------


def robot_snapshot(latent: int, episodes: int = 5, count: int = 6) -> Snapshot:
    """A random walk of the point robot, with a posterior over z that says most of the last two of its numbers."""
    task, generator = make_task("point-robot"), torch.Generator().manual_seed(3)
    wander = lambda running: 2 * torch.rand(len(running.problem), 2, generator=generator) - 1  # noqa: E731
    trials = play(task, Drawn(None, torch.arange(count)), generator, wander)
    trials = replace(trials, episode=trials.episode.clamp(max=episodes - 1))
    mean = torch.randn(count, trials.reward.shape[1], latent, generator=generator)
    spread = 0.1 + torch.rand(mean.shape, generator=generator) + torch.arange(latent, 0, -1)
    return Snapshot("m", "point-robot", 1, 10, 1.0, {"test_return": 0.5}, {}, trials, mean, spread=spread)


@pytest.mark.parametrize(("latent", "told"), [(1, [0]), (2, [0, 1]), (5, [3, 4])])
def test_the_latent_plane_holds_the_posterior_as_each_episode_begins(latent, told):
    snapshot, task = robot_snapshot(latent), make_task("point-robot")
    frame = panels.frame(snapshot, [], task)
    assert frame["latent_axes"] == told and frame["latent_mean"].shape == (6, 5, len(told))
    chosen = panels.one_of_each(snapshot.trials.problem, 24).tolist()
    for n, b in enumerate(chosen):
        for k in range(5):
            t = snapshot.trials.episode[b].tolist().index(k)
            np.testing.assert_array_equal(frame["latent_mean"][n, k], snapshot.hidden[b, t, told])
            np.testing.assert_array_equal(frame["latent_spread"][n, k], snapshot.spread[b, t, told])
    widest = float((np.abs(frame["latent_mean"]) + 2 * frame["latent_spread"]).max())
    assert 2.6 < widest <= frame["latent_reach"] < widest + 0.1  # nothing lies outside
    assert live.packed(frame)
    shown = [name for name, shows, _ in figure.PANELS if shows(frame)]
    assert ("heat" in shown) == ("points" in shown) == (latent > 2) and {"latent", "walk"} <= set(shown)
    assert len(figure.png(frame, "ko", Bilingual("로봇", "Robot"))) > 5_000


def test_a_single_episode_begins_with_the_prior_and_shows_no_plane():
    assert panels.latent_shown(robot_snapshot(2)) and not panels.latent_shown(robot_snapshot(2, episodes=1))


def test_an_episode_that_never_came_has_no_posterior():
    snapshot = robot_snapshot(2)
    trials = replace(snapshot.trials, episode=snapshot.trials.episode.clone())
    trials.episode[0] = trials.episode[0].clamp(max=2)
    mean = panels.latent_shown(replace(snapshot, trials=trials))["latent_mean"]
    assert np.isnan(mean[0, 3:]).all() and np.isfinite(mean[0, :3]).all() and np.isfinite(mean[1:]).all()
    assert len(figure.png(panels.frame(replace(snapshot, trials=trials), [], make_task("point-robot")), "en",
                          Bilingual("로봇", "Robot"))) > 5_000


def test_the_walk_is_where_the_robot_went_and_only_the_robot_has_one(snapshots):
    snapshot, task = robot_snapshot(1), make_task("point-robot")
    shown = panels.walk_shown(snapshot.trials, task)
    np.testing.assert_array_equal(shown["walk"][2], snapshot.trials.arrived[2])
    np.testing.assert_array_equal(shown["walk_goal"], task.goals[snapshot.trials.problem])
    paid = np.linalg.norm(shown["walk"] - shown["walk_goal"][:, None], axis=-1) <= shown["walk_radius"] + 1e-6
    np.testing.assert_array_equal(paid, snapshot.trials.reward > 0)
    city = panels.frame(snapshots[-1], [], make_task("map"))
    assert not {"walk", "latent_mean"} & set(city)


def test_what_a_snapshot_lacks_is_not_in_its_frame():
    bare = Snapshot("m", "t", 1, 10, 1.0, {"test_return": 0.5, "broken": float("nan")}, {})
    frame = panels.frame(bare, [{"env_steps": 10, "test_return": 0.5}])
    assert frame["metrics"] == {"test_return": 0.5}  # JSON has no NaN
    assert not {"hidden", "points", "probe", "visits", "action_share", "trial_problem"} & set(frame)


def test_a_bandit_shows_actions_instead_of_a_map():
    task, generator = make_task("bandit"), torch.Generator().manual_seed(0)
    pull = lambda running: torch.randint(0, 5, running.problem.shape, generator=generator)  # noqa: E731
    trials = play(task, task.draw(30, generator), generator, pull)
    hidden = torch.randn(30, 10, 8, generator=generator)
    frame = panels.frame(Snapshot("m", "bandit", 1, 10, 1.0, {}, {}, trials, hidden), [], task)
    assert frame["action_share"].shape == (10, 5) and np.allclose(frame["action_share"].sum(1), 1)
    assert "visits" not in frame and "probe" not in frame and "points" in frame
    assert len(figure.png(frame, "ko", Bilingual("밴딧", "Bandit"))) > 5_000


def wandering(name: str, count: int = 24) -> Snapshot:
    """Random actions on a task of the course, with random hidden states."""
    task, generator = make_task(name), torch.Generator().manual_seed(0)
    drawn = Drawn(task.tables, torch.arange(count) % 4)
    act = lambda running: torch.randint(len(task.actions), (count,), generator=generator)  # noqa: E731
    trials = play(task, drawn, generator, act)
    hidden = torch.randn(count, trials.valid.shape[1], 8, generator=generator)
    return Snapshot("m", name, 1, 10, 1.0, {"test_return": 0.5}, {}, trials, hidden)


EXECUTES = {"map": True, "cooking": True, "revealing-arm": True, "gridnavi": False, "random-mdp": False}


@pytest.mark.parametrize("name", EXECUTES)
def test_execution_is_drawn_where_an_episode_is_instructed(name):
    """Neither a grid (GridNavi has one) nor its lack (a kitchen) says whether there is an execution."""
    if name == "random-mdp":  # its problems are drawn anew each time
        task, generator = make_task(name), torch.Generator().manual_seed(0)
        act = lambda running: torch.randint(len(task.actions), (24,), generator=generator)  # noqa: E731
        trials = play(task, task.draw(24, generator), generator, act)
        hidden = torch.randn(24, trials.valid.shape[1], 8, generator=generator)
        snapshot = Snapshot("m", name, 1, 10, 1.0, {}, {}, trials, hidden)
    else:
        snapshot = wandering(name)
    frame = panels.frame(snapshot, [], make_task(name))
    assert frame["instructed"] is EXECUTES[name]
    assert panels.frame(snapshot, [])["instructed"] is EXECUTES[name]  # told by the trials, where the task is unknown
    word = lambda key: figure.WORDS[key].en  # noqa: E731
    steps = frame["hidden"].shape[1]
    frame |= {"probe": np.ones(steps, np.float32), "probe_chance": 0.25}
    frame |= {"gain_exact": np.ones((len(frame["trial_problem"]), steps), np.float32)}
    probe, heat, gain = Figure().subplots(1, 3)
    figure.draw_probe(probe, frame, word)
    figure.draw_heat(heat, frame, word)
    figure.draw_gain(gain, frame, word)
    assert len(probe.patches) == len(heat.lines) == EXECUTES[name]
    colours = {to_hex(bar.get_facecolor()) for bar in gain.patches}
    assert colours == {figure.EXPLORE, *([figure.EXECUTE] if EXECUTES[name] else [])}


def test_without_probing_the_probe_of_before_stays(snapshots):
    task = make_task("map")
    first = panels.frame(snapshots[0], rows(snapshots[:1]), task)
    second = panels.frame(snapshots[1], rows(snapshots[:2]), task, before=first, probing=False)
    assert second["probe"] is first["probe"] and second["env_steps"] != first["env_steps"]


# ---- the view, without a browser ---------------------------------------------------------------------


class Sent(LiveView):
    """A live view whose messages stay here, instead of going through a comm."""

    def __init__(self, *args, **kwargs):
        self.sent = []
        super().__init__(*args, **kwargs)

    def send(self, content, buffers=None):
        self.sent.append((content, buffers or []))

    def hear(self, kind, **more):
        self._hear(self, {"kind": kind, **more}, [])

    def kinds(self):
        return [content["kind"] for content, _ in self.sent]

    def states(self):
        return [content["state"] for content, _ in self.sent if content["kind"] == "state"]


def test_headless_it_runs_to_the_same_end_twice(snapshots):
    said = []
    for _ in range(2):
        view = live.live(city_stream(5))
        result = view.wait(20)
        arrays = [result._frame[name].tobytes() for name in ("probe", "points")]
        said.append((repr(result), result.metrics, arrays))
    assert said[0] == said[1]
    assert said[0][0].startswith("rl2 on map · finished · 25000 env steps · test_return")


def test_it_can_be_awaited_in_a_cell():
    async def cell():
        view = live.live(city_stream(3))
        return await view

    assert asyncio.run(cell()).state == "finished"


def test_a_recording_takes_the_place_of_the_training_and_says_so():
    going_on = threading.Event()

    def training():
        yield from city_stream(9)
        going_on.wait(20)
        yield from city_stream(1)

    view = Sent(training(), title=Bilingual("도시", "City"), recorded=city_stream(3))
    assert view.recorded and not Sent(city_stream(1)).recorded
    view.job.start()
    until(lambda: len(view.job.history) == 9)
    view.hear("replay")
    going_on.set()
    result = view.wait(20)
    assert result.history[-1]["update"] == 3 and len(result.history) == 3
    assert result._title == Bilingual("도시 (기록)", "City (recorded)")
    after = view.sent[view.kinds().index("anew") :]
    updates = [content["values"]["update"] for content, _ in after if content["kind"] == "frame"]
    assert updates and updates == sorted(updates) and updates[-1] == 3
    assert all(content["replaying"] for content, _ in after if content["kind"] == "state")
    assert view.kinds().count("anew") == 1
    view.hear("replay")  # it has ended: nothing is played, and nothing breaks
    assert view.job.state == "finished" and result._frame["curve_test_return"].shape == (3,)


def test_the_last_snapshot_is_always_shown():
    view = Sent(city_stream(9))
    view.job.start().wait(20)
    frames = [content["values"]["update"] for content, _ in view.sent if content["kind"] == "frame"]
    assert frames[-1] == 9 and view.states() == ["running", "finished"]
    # The state comes after the frame it belongs to.
    assert view.kinds()[-2:] == ["frame", "state"]


def test_a_frame_arrives_as_it_left(snapshots):
    frame = panels.frame(snapshots[-1], rows(snapshots), make_task("map"))
    content, buffers = live.packed(frame)
    assert "axes" not in content["values"]
    for described, buffer in zip(content["arrays"], buffers, strict=True):
        array = np.frombuffer(buffer, described["type"]).reshape(described["shape"])
        np.testing.assert_array_equal(array, frame[described["name"]])


def endless():
    return city_stream(1_000_000, copies=2)


def test_frames_wait_for_the_answer_of_the_browser():
    view = Sent(endless())
    view.hear("hello")
    view.job.start()
    until(lambda: view.job.last is not None)
    time.sleep(0.8)
    unanswered = view.kinds().count("frame")
    assert unanswered <= 3
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        view.hear("ack")
        time.sleep(0.01)
    answered = view.kinds().count("frame") - unanswered
    assert unanswered < answered <= 11  # at most ten a second, and the one that was due
    view.stop()


def test_buttons():
    view = Sent(endless())
    view.hear("hello")
    view.job.start()
    until(lambda: view.job.last is not None)
    view.hear("pause")
    until(lambda: view.job.state == "paused")
    shown = view.job.last.update
    view.hear("step")
    until(lambda: view.job.last.update == shown + 1)
    view.hear("speed", value=2)
    assert view.speed == 2 and view.sent[-1][0]["speed"] == 2
    view.hear("speed", value=None)
    view.hear("run")
    until(lambda: view.job.state == "running")
    view.hear("stop")
    until(lambda: view.job.ended)
    assert view.states()[-1] == "stopped"


def test_a_reloaded_page_is_told_everything():
    view = Sent(city_stream(3))
    view.job.start().wait(20)
    view.sent.clear()
    view.hear("hello")
    assert view.kinds() == ["frame", "state"]
    view.hear("ping")
    assert view.kinds()[-1] == "pong"


def test_it_pauses_unseen_and_goes_on_when_seen():
    view = Sent(endless())
    now = [0.0]
    view.audience = jobs.Audience(clock=lambda: now[0])
    view.hear("hello")
    view.job.start()
    until(lambda: view.job.last is not None)
    for _ in range(46):
        now[0] += 2
        view.look_round()
    until(lambda: view.job.state == "paused")
    until(lambda: "paused" in view.states())
    assert view.sent[-1][0]["unseen"] is True
    view.hear("ping")
    until(lambda: view.job.state == "running")
    until(lambda: view.sent[-1][0].get("unseen") is False or "running" in view.states()[-1:])


def test_a_pause_that_the_learner_pressed_is_not_undone_by_a_ping():
    view = Sent(endless())
    view.hear("hello")
    view.job.start()
    view.hear("pause")
    until(lambda: view.job.state == "paused")
    view.hear("ping")
    time.sleep(0.1)
    assert view.job.state == "paused"


def test_slow_motion_is_only_for_eyes():
    view = Sent(city_stream(1000), speed=0.5)
    now = [0.0]
    view.audience = jobs.Audience(clock=lambda: now[0])
    for _ in range(4):
        now[0] += 2
        view.look_round()
    assert view.speed is None


def test_an_error_is_shown_in_both_languages():
    def breaks():
        yield from city_stream(1)
        raise CourseError(Bilingual("틀렸습니다.", "Wrong."))

    view = Sent(breaks())
    view.job.start()
    until(lambda: view.job.ended)
    assert view.sent[-1][0]["complaint"] == {"ko": "틀렸습니다.", "en": "Wrong."}
    with pytest.raises(CourseError, match="Wrong"):
        view.wait()


def test_a_snapshot_without_trials_keeps_the_last_ones():
    def stream():
        first, second = city_stream(2)
        yield first
        yield Snapshot("rl2", "map", 2, second.env_steps, 1.0, {"test_return": 0.1}, {})

    view = Sent(stream())
    result = view.job.start() and view.wait(20)
    assert result._frame["update"] == 2 and "hidden" in result._frame


@pytest.mark.parametrize("stream", [3, "rl2", ["rl2", "map"], {"rl2": "map"}, b"rl2"])
def test_live_refuses_what_is_no_stream(stream):
    with pytest.raises(CourseError, match="stream of snapshots"):
        live.live(stream)


@pytest.mark.parametrize("stream", [lambda: 3, iter(["rl2", "map"]), lambda: ["rl2"]])
def test_what_turns_out_to_be_no_stream_is_said(stream):
    with pytest.raises(CourseError, match="stream of snapshots"):
        live.live(stream).wait(5)


@pytest.mark.parametrize("given", [{"title": "RL2"}, {"title": ("가", "a")}, {"task": "map"}, {"recorded": "rl2_map"}]
                         + [{"speed": speed} for speed in (0, -1, "5", True, math.nan, math.inf)])  # fmt: skip
def test_live_refuses_titles_speeds_and_tasks_that_are_none(given):
    before = jobs.current()
    with pytest.raises(CourseError) as raised:
        live.live(city_stream(2), **given)
    assert any("가" <= letter <= "힣" for letter in raised.value.message.ko)
    assert jobs.current() is before  # refused before anything was stopped, shown or started


def test_a_speed_that_is_none_changes_nothing():
    view = Sent(city_stream(2), speed=3)
    with pytest.raises(CourseError, match="speed can't be 'fast'"):
        view.speed = "fast"
    assert view.speed == 3 and view.sent == []


@pytest.mark.parametrize("stream", [[], city_stream(0)])
def test_a_stream_that_was_used_up_says_how_to_get_another(stream):
    view = Sent(stream)
    view.job.start()
    until(lambda: view.job.ended)
    complaint = view.sent[-1][0]["complaint"]
    assert "anew" in complaint["en"] and "새로 만드십시오" in complaint["ko"]
    with pytest.raises(CourseError, match="no snapshot left"):
        view.wait()


@pytest.mark.parametrize("broken", [1, 3])  # in the middle; and the last, which is drawn when the end is announced
def test_a_frame_that_can_not_be_built_leaves_no_live_buttons(monkeypatch, broken):
    def build(snapshot, *more):
        if snapshot.update == broken:
            raise KeyError("panel")
        return built(snapshot, *more)

    built = panels.frame
    monkeypatch.setattr(panels, "frame", build)
    view = Sent(city_stream(3))
    view.job.start()
    until(lambda: view.job.ended)
    assert view.states()[-1] == view.job.state == "failed"
    assert "panel" in view.sent[-1][0]["complaint"]["en"]
    view.sent.clear()
    view.hear("hello")  # a page that reloads is told as well
    assert view.states() == ["failed"]


class Held(Sent):
    """A view whose first message on its way is held up until another has gone out, for a moment at most."""

    def __init__(self, *args, **kwargs):
        self.on_its_way, self.another = threading.Event(), threading.Event()
        super().__init__(*args, **kwargs)

    def send(self, content, buffers=None):
        if self.on_its_way.is_set():
            self.another.set()
        else:
            self.on_its_way.set()
            self.another.wait(0.3)
        super().send(content, buffers)


def test_nothing_older_arrives_after_the_last_frame_and_the_last_state(snapshots):
    view = Held([])
    view._snapshot = snapshots[0]
    reloading = threading.Thread(target=view._send_frame)
    reloading.start()
    view.on_its_way.wait(5)
    view._snapshot = snapshots[1]
    view._send_frame()
    reloading.join(5)
    assert [content["values"]["update"] for content, _ in view.sent] == [1, 2]

    view = Held([])
    view.job.state = "running"
    reloading = threading.Thread(target=view._tell_state)
    reloading.start()
    view.on_its_way.wait(5)
    view.job.state = "finished"
    view._tell_state()
    reloading.join(5)
    assert view.states() == ["running", "finished"]


# ---- the picture -------------------------------------------------------------------------------------


def test_what_each_step_told_stands_under_its_path():
    def order(keys, columns):
        return [key for key, in figure.gain_under_its_path([(key,) for key in keys.split()], columns)]

    assert order("curve gauges bound city gain belief heat", 3) == "city curve gauges gain bound belief heat".split()
    assert order("curve city gain", 3) == ["city", "curve", "gain"]  # a single row: nothing is under anything
    assert order("curve city heat", 3) == ["curve", "city", "heat"]


def test_the_picture_in_both_languages(snapshots):
    frame = panels.frame(snapshots[-1], rows(snapshots), make_task("map"))
    outcome = jobs.Outcome("finished", snapshots[-1], rows(snapshots))
    result = figure.Result(outcome, frame, Bilingual("지도", "Map"))
    page = result.html()
    assert len(page) < 150_000 * 4 / 3
    ko, en = page.split('<div lang="en">')
    assert ko.startswith('<div lang="ko">') and 'alt="테스트 리턴' in ko and 'alt="Test return' in en
    # Scrolled on a phone, where three panels side by side could not be read; a small picture is not made larger.
    assert page.count("overflow-x:auto") == 2 and page.count(f"min-width:{figure.LEGIBLE}px") == 2
    assert "은닉 상태" in ko and "Hidden states" in en  # the alternative also names what is drawn
    small = io.BytesIO()
    Image.new("RGB", (300, 20)).save(small, format="png")
    assert "min-width:300px" in figure.image(small.getvalue(), "a")
    assert figure.decimals(snapshots[-1].metrics["test_return"]) in page
    assert Image.open(io.BytesIO(figure.png(frame, "en", Bilingual("지도", "Map")))).width > 800
    assert set(result._repr_mimebundle_()) == {"text/plain", "text/html"}


def result_of(metrics: dict, references: dict) -> figure.Result:
    """Of a method of one's own, that keeps no trials."""
    last = Snapshot("mine", "three-doors", 1, 10, 1.0, metrics, references)
    history = [{"update": 1, "env_steps": 10, "seconds": 1.0, **metrics}]
    return figure.Result(jobs.Outcome("finished", last, history), panels.frame(last, history), Bilingual("가", "a"))


def test_where_no_panel_applies_the_result_is_text():
    for metrics in ({}, {"test_return": math.nan}):  # never measured, and diverged
        result = result_of(metrics, {"optimal_return": math.nan})
        assert result._repr_mimebundle_() == {"text/plain": repr(result)} and result._repr_png_() is None


def test_a_return_that_is_no_number_leaves_the_other_panels():
    result = result_of({"test_return": math.nan, "information": 1.0, "information_max": 3.0}, {})
    assert [key for key, *_ in figure.panels_of(result._frame)] == ["gauges"] and "<img" in result.html()
    result = result_of({"information_bound": math.nan, "test_return": 1.0}, {})  # a bound, and nothing beside it
    assert [key for key, *_ in figure.panels_of(result._frame)] == ["curve"] and "<img" in result.html()


def test_no_gauge_where_exploring_is_worth_nothing():
    metrics = {"test_return": 1.0, "execution_given_exploration": 1.0, "information": 0.0, "information_max": 0.0}
    result = result_of(metrics, {"optimal_return": 1.0, "no_exploration_return": 1.0})
    assert [key for key, *_ in figure.panels_of(result._frame)] == ["curve"] and "<img" in result.html()


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_every_task_has_its_frame_and_picture(name, monkeypatch):
    """On a short training; what a family lacks, such as buses, is left out."""
    monkeypatch.setattr(rl2, "references_of", lambda task: {})  # they would take up to ten seconds of solving
    monkeypatch.setattr(rl2, "perfect_exploration", lambda task: None)
    *_, last = training.stream("rl2", name, 0, updates=1, trials=8, evaluate_every=1)
    task = make_task(name)
    frame = panels.frame(last, rows([last]), task)
    assert frame["hidden"].size and ("city" in frame) == hasattr(task, "width")
    picture = Image.open(io.BytesIO(figure.png(frame, "en", task.title)))
    assert picture.size[0] > 600 and len(picture.convert("RGB").getcolors(10**6)) > 20


def test_hangul_is_never_boxes(snapshots, caplog, recwarn, monkeypatch):
    frame = panels.frame(snapshots[-1], rows(snapshots), make_task("map"))
    outcome = jobs.Outcome("finished", snapshots[-1], [])
    if figure.hangul_font() is not None:
        figure.png(frame, "ko", Bilingual("지도", "Map"))
    monkeypatch.setattr(figure, "hangul_font", lambda: None)
    page = figure.Result(outcome, frame, Bilingual("지도", "Map")).html()
    assert "NanumGothic" in page  # says how to get Korean labels
    complaints = [str(warning.message) for warning in recwarn] + [record.message for record in caplog.records]
    assert not [text for text in complaints if "lyph" in text or "findfont" in text]


def test_a_small_square_is_drawn_as_mathematics_and_the_hangul_font_comes_first():
    """The "²" of NanumGothic is a dot; and in a line with mathematics, only the first font is asked for Hangul."""
    drawing = Figure(figsize=(3, 1))
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    axes.plot([0, 1], label="RL², 열 배")
    axes.set_title("|A|$^2$ 그리고 RL²")  # what is written as mathematics already is left alone
    axes.legend()
    figure.dress_text(drawing)
    said = {text.get_text(): text.get_fontfamily() for text in drawing.findobj(Text)}
    assert {"RL$^2$, 열 배", "|A|$^2$ 그리고 RL²"} <= said.keys()
    first = figure.hangul_font() or "DejaVu Sans"
    assert {families[0] for families in said.values()} == {first}


# ---- the page itself, with a stand-in for the notebook -------------------------------------------------

PAGE = """
<!doctype html><html><body><div id="here"></div><script type="module">
const listeners = {};
window.sent = [];
const model = {
  get: () => ({ ko: "제목", en: "Title" }), send: (message) => window.sent.push(message.kind),
  on: (name, listen) => { listeners[name] = listen; }, off: () => {},
};
const { content, buffers } = FRAME;
window.hear = (message) => listeners["msg:custom"](message, []);
window.feed = (update) => listeners["msg:custom"](
  { kind: "frame", ...content, values: { ...content.values, update, env_steps: update } },
  buffers.map((bytes) => new DataView(Uint8Array.from(bytes).buffer)),
);
const source = URL.createObjectURL(new Blob([CODE], { type: "text/javascript" }));
(await import(source)).default.render({ model, el: document.getElementById("here") });
window.ready = true;
</script></body></html>
"""


def shown(browser, kind: str, frame: dict, width: int = 900, clock: bool = False):  # noqa: F811
    """A view in a page of its own, which has not got its frame yet; what the page complains of is in ``errors``."""
    content, buffers = live.packed(frame)
    sent = json.dumps({"content": content, "buffers": [list(bytes(buffer)) for buffer in buffers]})
    code = json.dumps(live.with_page(f"{kind}.js")).replace("</", "<\\/")
    page = browser.new_page(viewport={"width": width, "height": 900})
    if clock:  # that the test turns
        page.clock.install()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.set_content(PAGE.replace("FRAME", sent).replace("CODE", code))
    page.add_style_tag(content=live.with_page(f"{kind}.css"))
    page.wait_for_function("window.ready")
    return page


def frame_for(kind: str, name: str) -> dict:
    if kind == "live":
        return panels.frame(wandering(name), [{"env_steps": 10, "test_return": 0.5}], make_task(name))
    (together,) = race({"a": [wandering(name)], "b": [wandering(name)]})
    return frame_of_lanes(together, make_task(name))


KINDS = ("live", "side_by_side")


@pytest.mark.parametrize("kind", KINDS)
def test_the_moment_that_is_looked_at_is_kept(browser, kind):  # noqa: F811
    page = shown(browser, kind, frame_for(kind, "gridnavi"))
    page.evaluate("for (let update = 1; update <= 150; update++) window.feed(update)")
    moment = page.locator(".clv-lens input").nth(2)
    moment.evaluate("it => { it.max = 149; it.value = 75; it.dispatchEvent(new Event('input')); }")
    said = page.locator(".clv-lens output").nth(2)
    page.wait_for_function("it => it.textContent.includes('76')", arg=said.element_handle())  # the frame at an odd place
    page.evaluate("for (let update = 151; update <= 154; update++) window.feed(update)")  # every second one goes
    page.wait_for_function("it => +it.max < 100", arg=moment.element_handle())
    assert "76" in said.text_content() and page.errors == []


@pytest.mark.parametrize("width", [390, 900])
@pytest.mark.parametrize("kind", KINDS)
def test_a_view_has_a_name_and_says_its_keys(browser, kind, width):  # noqa: F811
    page = shown(browser, kind, frame_for(kind, "map"), width)
    root, keys = page.locator(".clv"), page.locator(".clv-keys")
    assert root.get_attribute("aria-label") == "제목 / Title" and not keys.is_visible()
    page.evaluate("window.feed(1)")
    keys.wait_for()
    assert "스페이스" in keys.text_content() and "space" in keys.text_content()
    assert root.evaluate("it => it.scrollWidth <= it.clientWidth") and page.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_ended_view_waits_for_nothing(browser, kind):  # noqa: F811
    page = shown(browser, kind, frame_for(kind, "gridnavi"))
    assert page.locator(".clv-wait").is_visible()
    state = {"kind": "state", "state": "failed", "unseen": False, "speed": None, "complaint": {"ko": "가", "en": "a"}}
    page.evaluate("state => window.hear(state)", state)
    assert not page.locator(".clv-wait").is_visible() and page.locator(".clv-notice").is_visible()
    assert page.locator("button", has_text="Run").first.is_disabled() and page.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_does_not_answer_is_told_of_until_it_does(browser, kind):  # noqa: F811
    page = shown(browser, kind, frame_for(kind, "gridnavi"), clock=True)
    page.evaluate("window.feed(1)")
    notice = page.locator(".clv-notice")
    page.clock.run_for(19_000)
    assert not notice.is_visible()
    page.clock.run_for(4_000)
    assert "does not answer" in notice.text_content() and page.locator(".clv").get_attribute("data-lost") == ""
    page.evaluate("window.hear({ kind: 'pong' })")
    assert not notice.is_visible() and page.errors == []


@pytest.mark.parametrize("name", ["map", "cooking", "gridnavi"])
def test_the_page_speaks_of_execution_where_there_is_one(browser, name):  # noqa: F811
    frame = frame_for("live", name)
    frame |= {"probe": np.ones(frame["hidden"].shape[1], np.float32), "probe_chance": 0.25}
    page = shown(browser, "live", frame)
    page.evaluate("window.feed(1)")
    legend = page.locator(".clv-panel:visible .clv-legend")
    page.locator("[data-panel=heat] .clv-legend span").first.wait_for()
    said = "".join(legend.all_text_contents())
    assert said.count("execution begins") == 2 * EXECUTES[name]  # under the hidden states, and under the probe
    time_said = page.locator(".clv-lens output").nth(1)
    begin = int(frame["trial_start"][0])  # of the last episode, where the view begins: it is sent elsewhere first
    for step in (0, begin):
        page.locator(".clv-lens input").nth(1).evaluate(
            "(it, step) => { it.value = step; it.dispatchEvent(new Event('input')); }", step
        )
        page.wait_for_function(
            "([it, step]) => it.textContent.startsWith(step)", arg=[time_said.element_handle(), str(step)]
        )
    assert ("execution" in time_said.text_content()) is EXECUTES[name] and page.errors == []


@pytest.mark.parametrize(("name", "colours"), [("map", ["#0072b2", "#d55e00"]), ("gridnavi", ["#0072b2"] * 4)])
def test_every_episode_is_drawn_in_a_lane(browser, name, colours):  # noqa: F811
    page = shown(browser, "side_by_side", frame_for("side_by_side", name))
    page.evaluate("""() => {
        window.strokes = [];
        const first = (canvas) => canvas === document.querySelector(".csb-lane canvas");
        const { stroke, clearRect } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.clearRect = function (...rectangle) {
            if (first(this.canvas)) window.strokes = []; // it is drawn once more
            clearRect.apply(this, rectangle);
        };
        CanvasRenderingContext2D.prototype.stroke = function () {
            if (first(this.canvas) && this.globalAlpha < 1) window.strokes.push(this.strokeStyle);
            stroke.call(this);
        };
        window.feed(1);
    }""")
    page.wait_for_function("window.strokes.length > 0")
    # The whole way of each episode lies faint under the part that is past.
    assert page.evaluate("window.strokes") == colours
    assert ("orange" in page.locator(".csb-legend").text_content()) is ("#d55e00" in colours) and page.errors == []


def test_lanes_that_do_not_learn_have_no_curve(browser):  # noqa: F811
    page = shown(browser, "side_by_side", frame_for("side_by_side", "map") | {"learning": False})
    page.evaluate("window.feed(1)")
    page.locator(".csb-lane canvas").first.wait_for()
    page.wait_for_function("document.querySelector('.csb-lane canvas').getAttribute('aria-label')")
    assert not page.locator(".csb-curve").is_visible() and page.errors == []


def test_a_curve_without_numbers_is_not_drawn(browser):  # noqa: F811
    frame = frame_for("live", "gridnavi") | {"curve_test_return": np.array([np.nan], np.float32)}
    page = shown(browser, "live", frame)
    page.evaluate("window.feed(1)")
    page.locator("[data-panel=heat]").wait_for()
    assert not page.locator("[data-panel=curve]").is_visible() and page.errors == []
