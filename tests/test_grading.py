"""Grading: what is taken from a submission, what decides, what an instructor reads."""

import csv
import json
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.grading import sandbox

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = REPOSITORY / "notebooks"
LESSON = "01_end_to_end.ipynb"
CONTAINED = pytest.mark.skipif(sandbox.best_tier() != "contained", reason="bubblewrap does not work here")


def handed_in(path: Path, changes: dict[str, str], solved: bool = True) -> Path:
    """A submission of lesson 01: the solved notebook, or the empty one, with some functions' cells replaced."""
    notebook = json.loads((NOTEBOOKS / ("solutions" if solved else ".") / LESSON).read_text(encoding="utf-8"))
    left = dict(changes)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        for name in list(left):
            if cell["cell_type"] == "code" and f"def {name}(" in source:
                cell["source"] = left.pop(name)
    assert not left  # each was found
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return path


def table(path: Path) -> dict[str, dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@CONTAINED
def test_a_right_and_a_wrong_submission_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "submissions"
    folder.mkdir()
    handed_in(folder / "01_end_to_end_김철수.ipynb", {})
    cut = "def returns_to_go(reward, episode_over, discount):\n    return reward.clone()"
    handed_in(folder / "wrong.ipynb", {"returns_to_go": cut})
    assert cli.main(["grade", str(folder), "--csv", str(tmp_path / "grades.csv"), "--seed", "1"]) == 0
    rows = table(tmp_path / "grades.csv")
    right, wrong = rows["01_end_to_end_김철수.ipynb"], rows["wrong.ipynb"]
    assert (right["student"], right["status"], right["points"], right["tier"]) == ("김철수", "PASS", "4", "contained")
    assert (wrong["status"], wrong["1.1"], wrong["1.2"], wrong["points"]) == ("FAIL", "PASS", "FAIL", "3")
    assert "2: PASS 1  FAIL 1" in capsys.readouterr().out
