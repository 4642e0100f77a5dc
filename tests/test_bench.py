"""``make bench`` by method: what it measures is what it says, and it measures the course's own trainings."""

import json
from dataclasses import asdict

import bench_methods as bench
import pytest
import torch
from torch import nn

from course_lib import results, training
from course_lib.agents import dream
from course_lib.tasks import City, make_task

TASK, SETTINGS = "homework-map", dict(trials=24, batch=8, memory=16)


class Clock:
    """The CPU's clock, and hours that a test adds: what else this machine does is too little to be seen."""

    added = 0.0

    def __call__(self):
        return self.added + bench.clock_of("cpu")()


def slowed(monkeypatch, clock, owner, name):
    """Each call of ``owner.name`` takes an hour longer."""
    function = getattr(owner, name)

    def slow(*arguments, **options):
        clock.added += 3600
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, slow)


def shares(clock):
    """Of a few updates of a small DREAM."""
    watch = bench.Stopwatch(clock)
    with bench.opened_up(watch):
        settings = training.method_settings("dream", TASK, **SETTINGS)
        trained = bench.Training("dream", make_task(TASK), settings, watch, "cpu")
        watch.running = True
        took = trained.stretch(0.0)
    return {part: watch.seconds[part] / took["seconds"] for part in bench.PARTS[:-1]}


# -- the watch -----------------------------------------------------------------------------------------------


def test_each_second_belongs_to_the_innermost_part():
    times = iter([0, 1, 3, 6, 10, 15, 21])
    watch = bench.Stopwatch(lambda: next(times))
    for part in ("env", "act", "fwd"):  # at 1, 3, 6; the policy's networks are part of acting
        watch.enter(part)
    for _ in range(3):  # at 10, 15, 21
        watch.leave()
    assert watch.seconds == {"env": 2 + 6, "act": 3 + 4 + 5} and not watch.open


@pytest.mark.parametrize(
    ("part", "owner", "name"),
    [
        ("env", dream, "play"),
        ("act", dream, "random_actions"),
        ("fwd", dream.Explorer, "values"),
        ("bwd", torch.Tensor, "backward"),
        ("opt", nn.utils, "clip_grad_norm_"),
        ("other", dream.Replay, "draw"),
    ],
)
def test_what_is_slow_is_found_in_its_part(monkeypatch, part, owner, name):
    clock = Clock()
    slowed(monkeypatch, clock, owner, name)
    found = shares(clock)
    found["other"] = 1 - sum(found.values())
    assert all(share > 0 for share in found.values())
    if part == "fwd":  # the explorer's values are asked for while acting, too
        assert found["act"] + found["fwd"] > 0.99 and found["fwd"] > 0.3
    else:
        assert found[part] > 0.99, found


def test_a_training_that_is_measured_goes_as_any_other():
    watch = bench.Stopwatch(bench.clock_of("cpu"))
    call, play = nn.Module.__call__, dream.play
    with bench.opened_up(watch):
        assert nn.Module.__call__ is not call and dream.play is not play
        settings = training.method_settings("dream", TASK, **SETTINGS)
        trained = bench.Training("dream", make_task(TASK), settings, watch, "cpu")
        watch.running = True
        took = trained.stretch(0.0, least=2)
        measured = trained.last.checkpoint()
    assert nn.Module.__call__ is call and dream.play is play  # all is as before
    usual = training.stream("dream", TASK, 0, evaluate_every=8, updates=10**6, **SETTINGS)
    last = [next(usual) for _ in range(3)][-1]
    assert took["updates"] == last.update == 16 and took["env_steps"] == last.env_steps
    for name, value in last.checkpoint()["networks"].items():
        assert torch.equal(value, measured["networks"][name]), name


def test_multiplications_are_all_counted():
    """Of a GRU, whose products PyTorch hides in one call; the inputs and the first state need no gradient."""
    memory, batch, length, inputs, hidden = nn.GRU(5, 7, batch_first=True), 3, 4, 5, 7
    with bench.FlopCounterMode(display=False) as counter:
        memory(torch.randn(batch, length, inputs))[0].sum().backward()
    read, remember = 2 * batch * length * inputs * 3 * hidden, 2 * batch * length * hidden * 3 * hidden
    first = 2 * batch * hidden * 3 * hidden
    assert counter.get_total_flops() == 2 * read + 3 * remember - first


def test_matrices_are_multiplied_at_a_believable_rate():
    found = bench.peak_gflops(bench.clock_of("cpu"), "cpu", seconds=0.1)
    assert 1 < found < 2000


# -- the tables ----------------------------------------------------------------------------------------------


def test_every_method_is_measured_on_a_task_that_it_has():
    assert {method for method, _ in bench.CASES} == set(training.METHODS)
    for method, task in (*bench.CASES, *bench.QUICK_CASES):
        assert task in training.METHODS[method].settings
    for method, settings_of, _, sizes, means in bench.GROWTH:
        for size in sizes:
            task, overrides = means(size)
            training.method_settings(method, settings_of, **overrides)
            assert isinstance(task, City) or make_task(task)


def test_slopes_of_powers():
    sizes = [8, 16, 32]
    assert bench.slope(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_a_busy_machine_is_named():
    cores = bench.os.cpu_count()
    assert bench.busy_sentence(dict(load_before=0.1, load_after=cores)) is None
    for before, after in ((cores + 1, 0.0), (0.0, cores + 1)):
        assert "not quiet" in bench.busy_sentence(dict(load_before=before, load_after=after))


def test_recorded_targets_are_those_of_todays_settings(tmp_path):
    settings = asdict(training.method_settings("dream", "map"))
    for seed, reached in enumerate((20.0, 40.0, None)):
        cell = results.Cell("dream", "map", seed)
        result = dict(
            **cell._asdict(), settings=settings, test_return=0.8, seconds=50.0, env_steps=1_000_000,
            seconds_to_target=reached, references=dict(optimal_return=0.8, no_exploration_return=0.3),
            curve=[], versions={},
        )  # fmt: skip
        results.write_result(result, cell.path(tmp_path))
    found = bench.recorded_target("dream", "map", tmp_path)
    assert (found["seeds"], found["reached"], found["seconds"]["median"]) == (3, 2, 30.0)
    assert found["steps_a_second"] == 20_000
    for seed in range(3):
        path = results.Cell("dream", "map", seed).path(tmp_path)
        result = json.loads(path.read_text(encoding="utf-8"))
        result["settings"]["trials"] += 1
        results.write_result(result, path)
    assert bench.recorded_target("dream", "map", tmp_path) is None


# -- the command ---------------------------------------------------------------------------------------------


def test_the_quick_measurement_is_written_whole(tmp_path, capsys):
    path, threads = tmp_path / "bench.json", torch.get_num_threads()
    assert bench.main(["--quick", "--methods", "rl2", "--json", str(path)]) == 0
    assert torch.get_num_threads() == threads and [p.name for p in tmp_path.iterdir()] == ["bench.json"]
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["command"] == "python tests/bench_methods.py --quick --methods rl2"
    assert {"python", "torch", "numpy"} <= found["versions"].keys() and not found["left_out"]
    [row] = found["rows"]
    assert sum(row["shares"].values()) == pytest.approx(100) and min(row["shares"].values()) >= 0
    assert 0 < row["of_peak"] < 100 and row["flop_an_update"] > 1e6 and row["steps_a_second"] > 100
    assert set(found["growth"]) == {"rl2, problems at once", "rl2, hidden size"}
    assert all(curve["seconds_an_update"][0] > 0 for curve in found["growth"].values())
    shown = capsys.readouterr().out
    assert "GFLOP/s" in shown and "rl2, hidden size" in shown


def test_stopped_it_shows_what_there_is_and_writes_nothing(tmp_path, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "one_row", stop)
    assert bench.main(["--quick", "--json", str(tmp_path / "bench.json")]) == 130
    assert not list(tmp_path.iterdir())
    shown = capsys.readouterr()
    assert "Interrupted" in shown.err and "GFLOP/s" in shown.out


def test_what_is_not_measured_in_time_is_named(capsys):
    assert bench.main(["--quick", "--methods", "dream", "--minutes", "0.1"]) == 0  # less than the quarter
    assert "Left out, as time was up: dream homework-map." in capsys.readouterr().out
