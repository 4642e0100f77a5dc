"""The whole table: what is trained, what is kept, what is done anew, and what is said of it."""

import json
import math
import warnings

import pytest
import torch

from course_lib import cli, results, training
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import CourseError
from course_lib.tasks import TASKS
from course_lib.views import results as results_view
from course_lib.views.results import on_one_axis

CELLS = [results.Cell(method, "map", seed) for method in ("rl2", "dream") for seed in range(3)]


def learning(method, task, seed=0, *, updates=4, **_):
    """A made-up training that gets better; the more, the higher its seed."""
    for update in range(updates + 1):
        value = min(0.8, 0.1 + 0.2 * update + 0.01 * seed)
        yield Snapshot(
            method, task, update, update * 1000, 2.0 * update, {"test_return": value, "odd": math.nan},
            {"optimal_return": 0.8, "no_exploration_return": 0.3},
        )  # fmt: skip


@pytest.fixture
def made_up(monkeypatch):
    trained = []

    def stream(method, task, seed=0, **more):
        trained.append((method, task, seed))
        return learning(method, task, seed, **more)

    monkeypatch.setattr(training, "stream", stream)
    return trained


def test_all_methods_on_their_tasks_are_wanted():
    everything = results.cells([], [], 2)
    assert {(c.method, c.task) for c in everything} == {
        (name, task)
        for name, method in training.METHODS.items()
        for task in method.settings
        if task.split()[0] in TASKS
    }
    assert results.cells(["rl2"], ["map", "bandit"], 2) == [
        results.Cell("rl2", task, seed) for task in ("map", "bandit") for seed in (0, 1)
    ]


def test_a_size_has_its_own_file(made_up, tmp_path):
    wanted = results.cells(["rl2"], ["bandit pulls=100 arms=10", "bandit"], 1)
    assert [cell.task for cell in wanted] == ["bandit arms=10 pulls=100", "bandit"]
    list(results.run(wanted, tmp_path))
    names = {"rl2_bandit,arms=10,pulls=100_0.json", "rl2_bandit_0.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    done, missing, broken = results.done_and_missing(wanted, tmp_path)
    assert [result["task"] for result in done] == [cell.task for cell in wanted] and not missing and not broken
    (tmp_path / "rl2_bandit_0.json").rename(wanted[0].path(tmp_path))  # another size's is not believed
    _, missing, broken = results.done_and_missing(wanted[:1], tmp_path)
    assert missing == wanted[:1] and len(broken) == 1


@pytest.mark.parametrize(
    ("methods", "tasks", "named"), [(["rl3"], [], "rl2"), ([], ["mapp"], "map"), (["dream"], ["bandit"], "bandit"), ([], ["bandit arm=3"], "arms")]
)
def test_what_is_not_there_is_said(methods, tasks, named):
    with pytest.raises(CourseError, match=named):
        results.cells(methods, tasks, 1)


def test_what_is_done_is_not_done_again(made_up, tmp_path):
    first = list(results.run(CELLS[:4], tmp_path))
    assert sorted(made_up) == sorted(tuple(cell) for cell in CELLS[:4])
    done, missing, broken = results.done_and_missing(CELLS, tmp_path)
    assert missing == CELLS[4:] and not broken
    assert sorted(done, key=str) == sorted(first, key=str)  # what is read is what was written
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".json"]


def test_other_settings_are_another_training(made_up, tmp_path):
    list(results.run(CELLS[:1], tmp_path))
    assert results.done_and_missing(CELLS[:1], tmp_path)[1] == []
    assert results.done_and_missing(CELLS[:1], tmp_path, {"updates": 3})[1] == CELLS[:1]


def test_a_setting_that_is_newer_than_a_file_was_at_its_default_then(made_up, tmp_path):
    list(results.run(CELLS[:1], tmp_path))
    path = CELLS[0].path(tmp_path)
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["settings"].pop("memory") == "gru"
    path.write_text(json.dumps(result), encoding="utf-8")
    assert results.done_and_missing(CELLS[:1], tmp_path)[1] == []
    result["settings"]["memory"] = "fast-weights"
    path.write_text(json.dumps(result), encoding="utf-8")
    assert results.done_and_missing(CELLS[:1], tmp_path)[1] == CELLS[:1]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"method": "rl2"}'])
def test_a_broken_file_is_named_and_done_anew(made_up, tmp_path, damage):
    list(results.run(CELLS[:2], tmp_path))
    path = CELLS[0].path(tmp_path)
    path.write_bytes(damage)
    done, missing, broken = results.done_and_missing(CELLS[:2], tmp_path)
    assert missing == CELLS[:1] and [result["seed"] for result in done] == [1]
    assert len(broken) == 1 and path.name in broken[0].message.en and path.name in broken[0].message.ko
    list(results.run(missing, tmp_path))
    assert results.done_and_missing(CELLS[:2], tmp_path)[1:] == ([], [])


def test_a_file_of_another_training_is_not_believed(made_up, tmp_path):
    list(results.run(CELLS[:1], tmp_path))
    CELLS[0].path(tmp_path).rename(CELLS[1].path(tmp_path))
    _, missing, broken = results.done_and_missing(CELLS[:2], tmp_path)
    assert missing == CELLS[:2] and len(broken) == 1


def test_a_result_says_what_it_depends_on(made_up, tmp_path):
    (result,) = results.run(CELLS[1:2], tmp_path)
    assert result["test_return"] == 0.8 and result["seconds"] == 8.0 and result["env_steps"] == 4000
    assert result["settings"]["updates"] == training.method_settings("rl2", "map").updates
    assert result["versions"]["torch"] == torch.__version__
    assert result["metrics"]["odd"] is None
    json.dumps(result, allow_nan=False)


def test_the_target_counts_only_if_it_is_kept():
    references = {"optimal_return": 0.8, "no_exploration_return": 0.3}  # 95 % of the way: 0.775
    curve = [(0, 0.0, 0.1), (1, 1.0, 0.78), (2, 2.0, 0.7), (3, 3.0, 0.775), (4, 4.0, 0.8)]
    assert results.seconds_to_target(curve, references) == 3.0
    assert results.seconds_to_target([*curve, (5, 5.0, 0.77)], references) is None
    assert results.seconds_to_target([*curve, (5, 5.0, math.nan)], references) is None
    assert results.seconds_to_target(curve[:2], references) == 1.0
    assert results.seconds_to_target(curve, {"optimal_return": 0.8}) is None


def test_the_table_has_median_and_spread(made_up, tmp_path):
    made = list(results.run(CELLS, tmp_path))
    made[0]["test_return"], made[0]["seconds_to_target"] = 0.2, None
    rows = results.summary(made)
    assert [(row["method"], row["seeds"]) for row in rows] == [("dream", [0, 1, 2]), ("rl2", [0, 1, 2])]
    assert rows[1]["test_return"] == dict(median=0.8, least=0.2, most=0.8) and rows[1]["reached"] == 2
    text = results.as_text(rows).splitlines()
    assert len(text) == 3 and "0.800 [0.200, 0.800]" in text[2] and "2/3" in text[2]


def run_command(capsys, *arguments):
    status = cli.main(["results", *arguments])
    return status, capsys.readouterr()


def test_the_right_end_of_a_curve_is_what_the_table_says():
    short, long = [[0, 0.0, 0.0], [9, 1.0, 5.0]], [[0, 0.0, 0.0], [9, 4.0, 2.0]]
    at, values = on_one_axis([short, long])
    assert at[-1] == 4.0 and values[:, -1].tolist() == [5.0, 2.0] and values[:, 0].tolist() == [0.0, 0.0]
    assert values[1][at.searchsorted(2.0)] == pytest.approx(1.0, abs=0.02)


def test_the_command_trains_goes_on_and_leaves_table_and_picture(made_up, tmp_path, capsys):
    folder = tmp_path / "table"
    arguments = ("--methods", "rl2", "--tasks", "map", "--seeds", "2", "--jobs", "1", "--folder", str(folder))
    status, shown = run_command(capsys, *arguments)
    assert status == 0 and len(made_up) == 2 and "rl2" in shown.out
    table = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert table["rows"][0]["seeds"] == [0, 1] and table["command"] == "course results --seeds 2 --methods rl2 --tasks map"
    assert table["versions"][0]["torch"] == torch.__version__
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
    (folder / "rl2_map_1.json").write_text("{", encoding="utf-8")
    status, shown = run_command(capsys, *arguments)
    assert status == 0 and len(made_up) == 3 and "rl2_map_1.json" in shown.err
    status, shown = run_command(capsys, *arguments, "--table")
    assert status == 0 and len(made_up) == 3 and "0.800" in shown.out


def test_other_seeds_on_disk_belong_into_the_same_row(made_up, tmp_path, capsys):
    folder = tmp_path / "results"
    here = ("--jobs", "1", "--folder", str(folder))
    run_command(capsys, "--methods", "rl2", "--tasks", "map", "bandit pulls=3", "--seeds", "1", *here)
    run_command(capsys, "--methods", "rl2", "--tasks", "map", "--seeds", "2", "--first-seed", "5", *here)
    table = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [(row["task"], row["seeds"]) for row in table["rows"]] == [("map", [0, 5, 6])]
    assert table["command"] == "course results --seeds 2 --first-seed 5 --methods rl2 --tasks map"


def test_the_command_takes_a_size(made_up, tmp_path, capsys):
    folder = tmp_path / "table"
    arguments = ("--methods", "rl2", "--tasks", "bandit pulls=3", "--seeds", "1", "--jobs", "1", "--folder", str(folder))
    assert run_command(capsys, *arguments)[0] == 0 and made_up == [("rl2", "bandit pulls=3", 0)]
    table = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert table["command"].endswith("--tasks 'bandit pulls=3'")
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")


def test_interrupted_it_keeps_what_is_done(monkeypatch, tmp_path, capsys):
    def stream(method, task, seed=0, **more):
        if seed == 2:
            raise KeyboardInterrupt
        return learning(method, task, seed, **more)

    monkeypatch.setattr(training, "stream", stream)
    folder = tmp_path / "table"
    arguments = ("--methods", "rl2", "--tasks", "map", "--seeds", "4", "--jobs", "1", "--folder", str(folder))
    status, shown = run_command(capsys, *arguments)
    assert status == cli.INTERRUPTED and "Interrupted" in shown.err and "2" in shown.out
    assert sorted(path.name for path in folder.iterdir()) == ["rl2_map_0.json", "rl2_map_1.json"]


def test_a_folder_that_cannot_be_written_to_is_said_before_training(made_up, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match="writable"):
        list(results.run(CELLS[:1], tmp_path / "file" / "in"))
    assert not made_up


def test_no_scheduler_at_the_address(tmp_path):
    with pytest.raises(CourseError, match="127.0.0.1:9"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        list(results.run(CELLS[:1], tmp_path, dask="tcp://127.0.0.1:9"))


def test_two_workers_of_a_dask_cluster_give_the_same_numbers(tmp_path):
    from distributed import LocalCluster

    wanted = [results.Cell("rl2", "bandit", seed) for seed in range(2)]
    overrides = {"updates": 1, "trials": 16}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two:
        there = list(results.run(wanted, tmp_path / "there", dask=two.scheduler_address, overrides=overrides))
    here = list(results.run(wanted, tmp_path / "here", overrides=overrides))
    assert len(there) == 2
    for one, other in zip(sorted(there, key=lambda r: r["seed"]), here, strict=True):
        assert (one["seed"], one["test_return"], one["metrics"]) == (other["seed"], other["test_return"], other["metrics"])


def test_a_file_of_curves_goes_on_where_it_was(tmp_path, capsys):
    path, asked = tmp_path / "curves.json", []

    def one_run(variant, seed):
        asked.append((variant, seed))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return [dict(update=0, test_return=-1.0), dict(update=1, test_return=float(seed))]

    wanted = [("short", 0), ("long", 0), ("short", 1), ("long", 1)]
    with pytest.raises(KeyboardInterrupt):
        results.run_missing(path, "python figures/curves.py run", wanted, one_run)
    results.run_missing(path, "python figures/curves.py run", wanted, one_run)
    assert asked == [*wanted[:3], *wanted[2:]]
    assert json.loads(path.read_text(encoding="utf-8")).keys() == {"command", "versions", "runs"}
    assert list(tmp_path.iterdir()) == [path]
    capsys.readouterr()
    results.print_ends(path, ["test_return", "unknown"])
    said = capsys.readouterr().out
    assert said.count("median 0.500, from 0.000 to 1.000") == 2 and "unknown" not in said


@pytest.mark.parametrize("font", [None, "DejaVu Sans"])
def test_where_there_is_no_font_with_hangul_the_picture_is_in_english(monkeypatch, font):
    """DejaVu stands for one here: what counts is what is left of the words."""
    drawn = []
    monkeypatch.setattr(results_view, "hangul_font", lambda: font)
    kept = results_view.Figure.savefig
    monkeypatch.setattr(
        results_view.Figure, "savefig", lambda figure, *rest, **how: (drawn.append(figure), kept(figure, *rest, **how))
    )
    runs = [dict(task="map", method="rl2", curve=[[0, 0.0, 0.0], [9, 1.0, 0.5]], references={})]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if font else "error")  # of glyphs that are missing
        results_view.results_png(runs, {"map": "지도가 있는 도시\nA city with a map  arms=10"}, "학습한 초 · seconds")
    axes = drawn[0].axes[0]
    words = axes.get_title(loc="left"), axes.get_xlabel()
    assert words == (
        ("지도가 있는 도시\nA city with a map  arms=10", "학습한 초 · seconds")
        if font
        else ("A city with a map  arms=10", "seconds")
    )


# -- what the scripts in figures/ share --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, status, done, said",
    [
        ([], 0, [("table",)], ""),
        (["run"], 0, [("run",)], ""),
        (["run", "a", "b"], 0, [("run", "a", "b")], ""),
        (["tabel"], 2, [], "There is no command 'tabel'. Give one of: run, table."),
        (["table", "a"], 2, [], "After 'table' there can't be 'a'."),
    ],
)
def test_a_script_does_what_it_is_told_or_says_what_it_can_do(words, status, done, said, monkeypatch, capsys):
    called = []
    commands = {"run": lambda *more: called.append(("run", *more)), "table": lambda: called.append(("table",))}
    monkeypatch.setattr("sys.argv", ["script", *words])
    assert results.main(commands) == status
    assert called == done and said in capsys.readouterr().err


def test_only_a_recording_that_is_whole_takes_the_place_of_another(tmp_path):
    path = tmp_path / "a.recording"
    seen = list(training.stream("rl2", "map", updates=0, trials=24))
    list(training.record(iter(seen * 3), path))
    before = path.read_bytes()

    def interrupted():
        yield seen[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(results.record_anew(interrupted(), path))
    watched = results.record_anew(iter(seen * 2), path)
    next(watched)
    watched.close()  # as when Ctrl-C comes while a snapshot is looked at
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["a.recording"]
    assert len(list(results.record_anew(iter(seen * 2), path))) == 2 == len(list(training.replay(path)))
    assert [one.name for one in tmp_path.iterdir()] == ["a.recording"]
