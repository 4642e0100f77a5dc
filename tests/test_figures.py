"""What lies in figures/ says where it comes from, and its pictures are drawn again from what was recorded."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import cli, training
from course_lib.authoring.build import read_lesson
from course_lib.training import method_settings, replay
from figures import __main__ as figures
from figures import coupling, dream_ablations, recordings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "figures"
RECORDED = sorted(FOLDER.glob("*.json"))
BROWSER = ROOT / "tests" / "browser" / "readme_pictures.py"


def script_of(command: str) -> Path | None:
    """The file that a command runs; None for the course's own program."""
    words = command.split()
    if words[0] == "course":
        return None
    assert words[0] == "python", command
    if words[1] == "-m":
        return ROOT / Path(*words[2].split(".")).with_suffix(".py")
    return ROOT / words[1]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
def test_what_was_recorded_names_its_command_and_versions(path):
    recorded = json.loads(path.read_text(encoding="utf-8"))
    versions = recorded["versions"]
    for each in versions if isinstance(versions, list) else [versions]:
        assert all(re.match(r"\d+\.\d+", each[name]) for name in ("python", "torch")), each
    script = script_of(recorded["command"])
    if script is None:  # the course's own program: these options are ones it takes
        cli._parser().parse_args(shlex.split(recorded["command"])[1:])
        return
    source = script.read_text(encoding="utf-8")
    assert path.name in source or script.stem == path.stem
    if script.parent == FOLDER:  # its first lines tell how to run it
        said = source[: source.index('"""', 3)]
        assert recorded["command"].split()[-1] in re.findall(rf"{script.stem}(?:\.py)? (\w+)", said)


@pytest.mark.parametrize("path", sorted((FOLDER / "results").glob("*.json")), ids=lambda path: path.stem)
def test_each_training_that_was_recorded_names_its_settings_and_versions(path):
    recorded = json.loads(path.read_text(encoding="utf-8"))
    assert path.stem == f"{recorded['method']}_{recorded['task'].replace(' ', ',')}_{recorded['seed']}"
    assert recorded["settings"] and {"python", "torch"} <= recorded["versions"].keys()


def test_every_script_keeps_what_it_finds_beside_it():
    for script in FOLDER.glob("*.py"):
        if script.stem != "__main__":
            source = script.read_text(encoding="utf-8")
            assert 'RESULTS = Path(__file__).with_suffix(".json")' in source, script.name
            assert "python -m figures." in source or "python figures/" in source, script.name
    named = {one.file for one in recordings.RECORDED.values()}
    for recording in FOLDER.glob("*.recording"):
        assert recording.name in named or any(
            recording.name in script.read_text(encoding="utf-8") for script in FOLDER.glob("*.py")
        )
    assert named <= {recording.name for recording in FOLDER.glob("*.recording")}


def trainings_of_lessons():
    """Every ``live(stream(…))`` of a lesson: its number, the call of ``live`` and that of ``stream``."""
    for path in sorted((ROOT / "notebooks" / "source").glob("*.md")):
        for cell in read_lesson(path).cells:
            tree = ast.parse("" if cell.kind != "code" else re.sub(r"\bawait ", "", cell.source))
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "live":
                    training = call.args[0]
                    if training.func.id == "stream":
                        yield path.stem[:2], call, training


def test_each_training_of_a_lesson_can_be_played_from_a_recording_of_the_same_training():
    seen, named = [], {one.file for one in recordings.RECORDED.values()}
    for lesson, call, asked in trainings_of_lessons():
        given = {one.arg: one.value for one in call.keywords}
        assert "recorded" in given, (lesson, ast.unparse(call))
        (name,) = (one.value for one in given["recorded"].args)
        first, *_, last = replay(FOLDER / f"{name}.recording")
        method, task = (one.value for one in asked.args)
        changed = {one.arg: one.value.value for one in asked.keywords if one.arg not in ("functions", "seed")}
        assert (last.method, last.task, first.update) == (method, task, 0), name
        assert last.update == method_settings(method, task, **changed).updates, name
        told = json.loads((FOLDER / "recordings.json").read_text(encoding="utf-8"))["recordings"]
        if f"{name}.recording" in named:
            assert told[f"{name}.recording"]["test_return"] == pytest.approx(last.metrics["test_return"], abs=1e-4)
        seen.append(name)
    assert len(seen) == len(set(seen)) == 17
    for lesson in ("01", "02", "03", "04"):  # what the mended code is taught from is not the stranger's
        stranger, mended = (told[f"lesson{lesson}_{who}.recording"]["test_return"] for who in ("stranger", "mended"))
        assert mended > stranger + 0.2


def test_no_recording_is_large():
    for recording in FOLDER.glob("*.recording"):
        assert recording.stat().st_size < 700_000, recording.name


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """All pictures, drawn from a copy of what was recorded."""
    recorded, folder = tmp_path_factory.mktemp("recorded"), tmp_path_factory.mktemp("drawn")
    for name in figures.DRAWN:
        shutil.copy(FOLDER / name, recorded)
    shutil.copytree(FOLDER / "results", recorded / "results")
    paths = figures.draw_all(folder, recorded)
    assert sorted(folder.iterdir()) == sorted(paths)  # and nothing half written
    assert {path.name for path in recorded.iterdir()} == {*figures.DRAWN, "results"}
    return {path.name: path.read_bytes() for path in paths}


def test_every_picture_is_one_of_those_that_are_drawn_again(drawn):
    by_browser = set(re.findall(r"readme_\w+\.png", BROWSER.read_text(encoding="utf-8")))
    assert {path.name for path in FOLDER.glob("*.png")} == {*drawn, *by_browser}
    assert not any(path.suffix in (".svg", ".pdf", ".jpg", ".gif") for path in FOLDER.iterdir())


def test_pictures_are_whole_and_of_the_size_of_those_that_are_kept(drawn):
    for name, picture in drawn.items():
        kept = (FOLDER / name).read_bytes()
        assert picture[:8] == kept[:8] == b"\x89PNG\r\n\x1a\n" and picture[-8:-4] == b"IEND"
        assert 10_000 < len(picture) < 500_000  # the table has nine panels, of about 40 kB each
        # Width and height, up to what a page of another font takes; other numbers would make other panels.
        sizes = [[int.from_bytes(one[k : k + 4], "big") for k in (16, 20)] for one in (picture, kept)]
        assert sizes[0] == sizes[1], name


def test_drawing_again_draws_the_same(drawn, tmp_path):
    again = figures.DRAWN["revealing_arm.json"](FOLDER / "revealing_arm.json", tmp_path)
    for path in again:
        assert path.read_bytes() == drawn[path.name]


def test_make_figures_draws_them():
    planned = subprocess.run(["make", "-n", "figures"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".venv/bin/python -m figures" in planned.stdout


@pytest.mark.parametrize(
    "command, known",
    [
        (["-m", "figures.grid_navi", "tabel"], "run, table"),
        (["-m", "figures.recordings"], "pearl, pearl-line"),
        (["figures/dream_ablations.py", "run", "botleneck"], "no bottleneck"),
    ],
)
def test_a_script_that_is_told_what_it_does_not_know_says_what_it_does(command, known):
    told = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 2 and known in told.stderr and "Traceback" not in told.stderr


@pytest.mark.parametrize(
    "module, again, name",
    [
        (coupling, coupling.record_together, "rl2_map.recording"),
        (dream_ablations, dream_ablations.record_map, "dream_map.recording"),
        (recordings, lambda: recordings.record("pearl"), "pearl_point-robot.recording"),
    ],
)
def test_recording_again_leaves_what_ships_until_it_is_whole(module, again, name, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        yield next(replay(FOLDER / name))
        raise KeyboardInterrupt

    shutil.copy(FOLDER / name, tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "a.json")
    monkeypatch.setattr(module, "stream", interrupted)
    monkeypatch.setattr(training, "snapshot_to_dict", lambda snapshot, keep: {})  # it was thinned out already
    with pytest.raises(KeyboardInterrupt):
        again()
    assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]
