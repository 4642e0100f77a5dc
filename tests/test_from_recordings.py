"""Every lesson also works from the recordings that ship, without a training: the same words come out, in seconds."""

import os
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BESIDES = 120  # seconds that a lesson may take for its own small computations, on a machine that is busy
A_RECORDING = 10  # seconds that one may play


def said(cell) -> list[str]:
    """What a cell printed, and what it gave in plain text."""
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]


@pytest.mark.parametrize("lesson", ["01", "02", "03", "04"])
def test_a_lesson_runs_from_its_recordings_and_says_the_same(lesson):
    (path,) = (NOTEBOOKS / "solutions").glob(f"{lesson}_*.ipynb")
    stored = nbformat.read(path, as_version=4)
    running = nbformat.read(path, as_version=4)
    for cell in running.cells:
        cell.source = cell.source.replace(f'start("{lesson}")', f'start("{lesson}", recorded=True)')
    trained = [number for number, cell in enumerate(stored.cells) if "= live(" in cell.source and "stream(" in cell.source]
    client = NotebookClient(
        running, timeout=300, coalesce_streams=True, resources={"metadata": {"path": str(path.parent)}}
    )
    began = time.monotonic()
    client.execute(env={**os.environ, "COURSE_PROGRESS": "off"})
    took = time.monotonic() - began
    compared = of_trainings = 0
    for before, after in zip(stored.cells, running.cells, strict=True):
        if before.cell_type != "code" or "nbval-ignore-output" in before.metadata.get("tags", ()) or "start(" in before.source:
            continue
        assert said(after) == said(before), before.source
        compared += 1
        of_trainings += "result." in before.source or "told[" in before.source
    assert compared > 15 and of_trainings >= 1 and len(trained) >= 3
    pictures = [str(cell.outputs) for cell in running.cells if cell.cell_type == "code"]
    assert sum("(recorded)" in text or "(기록)" in text for text in pictures) >= len(trained)  # each says that it is one
    assert took < BESIDES + A_RECORDING * len(trained)
