"""The lessons as a learner gets them: unsolved, they fail exactly at their checks, with one readable line each.

(The solved ones are run whole by nbval in ``make test``. Here trainings are cut short: only failing matters.)
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
from cut_short import cut_short

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BUGS_TO_MEND = {"1.4", "2.5", "3.5", "4.4", "5.5"}  # their stub is a function that runs and is wrong


def run_lax(notebook, folder: Path) -> dict[int, tuple[str, str]]:
    """Run a notebook under ``pytest --nbval-lax``: code cell number → (outcome, what was said)."""
    path, report = folder / "lesson.ipynb", folder / "report.xml"
    nbformat.write(notebook, path)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120",
         "-p", "no:cacheprovider", "--rootdir", str(folder), f"--junitxml={report}", str(path)],
        env=os.environ | {"COURSE_PROGRESS": "off", "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True, timeout=400, check=False,
    )  # fmt: skip
    outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        number = int(case.get("name").removeprefix("Cell "))
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped") is not None
        said = "" if problem is None else (problem.get("message") or "") + (problem.text or "")
        outcomes[number] = ("passed" if problem is None and not skipped else "failed", said)
    return outcomes


def lesson(name: str):
    """An unsolved lesson with its trainings cut short, and the sources of its code cells."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cut_short(notebook)
    return notebook, [cell.source for cell in notebook.cells if cell.cell_type == "code"]


LESSONS = [path.stem for path in sorted(NOTEBOOKS.glob("0[0-9]_*.ipynb"))]


@pytest.mark.parametrize("name", LESSONS)
def test_an_unsolved_lesson_fails_exactly_at_its_checks(name, tmp_path):
    notebook, sources = lesson(name)
    outcomes = run_lax(notebook, tmp_path)
    assert len(outcomes) == len(sources)
    failed = {number for number, (outcome, _) in outcomes.items() if outcome == "failed"}
    checks = {number for number, source in enumerate(sources) if source.startswith("check(")}
    assert failed == checks, {number: outcomes[number][1][-800:] for number in failed ^ checks}
    for number in checks:
        exercise = sources[number].split('"')[1]
        given = "FAIL" if exercise in BUGS_TO_MEND else "TODO"
        assert f"[{exercise}] {given} " in outcomes[number][1]


def test_a_lesson_is_solved_when_its_stubs_are_filled(tmp_path):
    """The same run goes green with the solutions: the failures above are the stubs', not the lesson's."""
    notebook, sources = lesson("solutions/01_end_to_end")
    outcomes = run_lax(notebook, tmp_path)
    assert len(outcomes) == len(sources)
    wrong = {sources[number][:60]: said[-800:] for number, (outcome, said) in outcomes.items() if outcome == "failed"}
    assert not wrong
