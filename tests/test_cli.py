"""The command ``course``, on a made-up training: what it writes, and how it stops."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import ENVIRONMENTS, METHODS, cli, training
from course_lib.agents.snapshot import Snapshot


def fake(updates=20, interrupt_with=None, at=7, seen=None):
    def stream(method, task, seed=0, *, resume=None, updates=updates, **overrides):
        if seen is not None:
            seen.append((method, task, seed, resume, updates))
        for update in range(updates + 1):
            if interrupt_with and update == at:
                signal.raise_signal(interrupt_with)
            yield Snapshot(
                method, task, update, update * 100, update * 1.0,
                {"test_return": 0.1 * update}, {"optimal_return": 0.8, "no_exploration_return": 0.3},
                checkpoint=lambda update=update: {"method": method, "task": task, "update": update},
            )  # fmt: skip

    return stream


@pytest.fixture
def train(monkeypatch, tmp_path):
    def run(*arguments, stream=None):
        monkeypatch.setattr(training, "stream", stream or fake())
        monkeypatch.chdir(tmp_path)
        status = cli.main(["train", *arguments])
        found = tmp_path / "out.json"
        return status, json.loads(found.read_text(encoding="utf-8")) if found.exists() else None

    return run


def test_help_and_the_readme_name_every_method_and_task(capsys):
    assert set(METHODS) == set(training.METHODS)
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    printed = capsys.readouterr().out.split()
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    korean, english = readme.split("## English")
    for name in (*METHODS, *ENVIRONMENTS):
        assert name in printed or f"{name}," in printed, name
    for name in (*METHODS, *ENVIRONMENTS):
        assert f"`{name}`" in korean and f"`{name}`" in english, name


def test_a_whole_training(train, capsys):
    seen = []
    status, result = train(
        "rl2", "map", "--seed", "3", "--updates", "4", "--json", "out.json", stream=fake(seen=seen)
    )
    assert status == 0 and seen == [("rl2", "map", 3, None, 4)]
    versions = result.pop("versions")
    assert result == {
        "method": "rl2", "task": "map", "seed": 3, "env_steps": 400, "seconds": 4.0, "test_return": 0.4,
        "optimal_return": 0.8, "no_exploration_return": 0.3, "interrupted": False, "updates": 4,
    }  # fmt: skip
    assert set(versions) == {"python", "torch", "course_lib"} and versions["torch"]
    said = capsys.readouterr()
    assert "test_return 0.400" in said.out and "rl2 map" in said.err


def test_a_size_is_said_after_the_task(train):
    seen = []
    sized = ("rl2", "bandit", "pulls=100", "arms=10", "--seed", "3", "--json", "out.json")
    status, result = train(*sized, stream=fake(seen=seen))
    assert status == 0 and seen[0][:3] == ("rl2", "bandit arms=10 pulls=100", 3)
    assert result["task"] == "bandit arms=10 pulls=100"
    train("rl2", "bandit", "--seed", "4", "arms=3", "--updates", "2", "pulls=7", stream=fake(seen=seen))
    assert seen[1][:3] == ("rl2", "bandit arms=3 pulls=7", 4)
    for unknown in (["--arms", "3"], ["--arms=3"], ["10", "--seed", "1", "11"]):
        with pytest.raises(SystemExit) as left:
            train("rl2", "bandit", *unknown)
        assert left.value.code == 2


def test_a_checkpoint_of_another_size_is_refused(tmp_path, capsys):
    saved = str(tmp_path / "small.pt")
    assert cli.main(["train", "rl2", "bandit", "pulls=3", "--updates", "1", "--save", saved]) == 0
    capsys.readouterr()
    assert cli.main(["train", "rl2", "bandit", "pulls=4", "--updates", "2", "--resume", saved]) == 2
    said = capsys.readouterr().err
    assert "is one of rl2 bandit pulls=3, not of rl2 bandit pulls=4" in said and "Traceback" not in said
    assert cli.main(["train", "rl2", "bandit", "pulls=3", "--updates", "2", "--resume", saved]) == 0


def test_seconds_end_it(train):
    status, result = train("rl2", "map", "--seconds", "5", "--json", "out.json")
    assert status == 0 and result["seconds"] == 5.0 and not result["interrupted"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_what_it_has(train, tmp_path, number):
    before = signal.getsignal(signal.SIGTERM)
    status, result = train(
        "rl2", "map", "--json", "out.json", "--save", "state.pt", stream=fake(interrupt_with=number)
    )
    assert status == 130 and result["interrupted"] and result["updates"] == 6 and result["env_steps"] == 600
    assert (
        training.load_whole(tmp_path / "state.pt")["update"] == 6
    )  # of the snapshot, not of a half-done update
    assert signal.getsignal(signal.SIGTERM) is before
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*"))


def test_interrupted_before_the_first_snapshot(train):
    status, result = train(
        "rl2", "map", "--json", "out.json", stream=fake(interrupt_with=signal.SIGINT, at=0)
    )
    assert status == 130 and result["test_return"] is None and result["updates"] == 0


def test_resuming(train, tmp_path):
    training.save_whole({"method": "rl2", "task": "map", "update": 5}, tmp_path / "state.pt")
    seen = []
    train("rl2", "map", "--resume", "state.pt", stream=fake(seen=seen))
    assert seen[0][3]["update"] == 5


def test_recording_is_asked_for(train, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(training, "record", lambda snapshots, path: asked.append(str(path)) or snapshots)
    assert train("rl2", "map", "--record", "run.recording")[0] == 0 and asked == ["run.recording"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rl3", "map"], "Give one of: rl2"),
        (["rl2", "mop"], "map, homework-map"),
        (["rl2", "bandit", "10"], "It has: arms, pulls"),
        (["rl2", "bandit", "arms=1"], "at least 2 arms"),
        (["rl2", "map", "arms=3"], "It has none"),
        (["rl2", "map", "--json", "nowhere/out.json"], "can't be written"),
        (["rl2", "map", "--json", "."], "can't be written"),
        (["rl2", "map", "--resume", "nothing.pt"], "can't be read"),
    ],
)
def test_bad_input_is_a_sentence_before_any_training(train, capsys, arguments, sentence):
    def never(*_, **__):
        raise AssertionError("the training began")

    status, _ = train(*arguments, stream=never)
    said = capsys.readouterr().err
    assert status == 2 and sentence in said and "Traceback" not in said and len(said.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [["--updates", "0"], ["--seconds", "-1"], ["--seconds", "nan"], ["--updates", "2", "--seconds", "1"]],
)
def test_lengths_that_make_no_sense(train, arguments):
    with pytest.raises(SystemExit) as left:
        train("rl2", "map", *arguments)
    assert left.value.code == 2


def test_a_number_that_is_none_is_null_in_json(train):
    def stream(method, task, seed=0, **_):
        yield Snapshot(method, task, 1, 1, 1.0, {"test_return": float("nan")}, {})

    assert train("rl2", "map", "--json", "out.json", stream=stream)[1]["test_return"] is None


def test_help_is_short_and_starts_without_torch():
    script = "\n".join([
        "import sys", "from course_lib import cli",
        "try: cli.main(['--help'])", "finally: print('torch' in sys.modules)",
    ])  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert "course train rl2 map --seed 0 --json out.json" in done.stdout and "명령" in done.stdout
    assert done.stdout.endswith("False\n") and len(done.stdout.splitlines()) < 30


def test_build_says_what_it_did(tmp_path, monkeypatch, capsys):
    source = tmp_path / "notebooks" / "source"
    source.mkdir(parents=True)
    (source / "01_toy.md").write_text("# 제목 · Title\n\n```{code-cell}\n1\n```\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["build", "--check"]) == 1 and "the file is missing" in capsys.readouterr().err
    assert cli.main(["build"]) == 0
    assert capsys.readouterr().out.split() == ["notebooks/01_toy.ipynb", "notebooks/solutions/01_toy.ipynb"]
    assert cli.main(["build", "01"]) == 0 and "Nothing changed" in capsys.readouterr().out
    assert cli.main(["build", "--check"]) == 1 and "was never executed" in capsys.readouterr().err
    assert cli.main(["build", "04"]) == 2 and "There is no lesson '04'" in capsys.readouterr().err
