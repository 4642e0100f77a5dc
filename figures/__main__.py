"""Draw every picture in this folder again from what was recorded: ``make figures``, or

    python -m figures            # all of them, in seconds: nothing is trained

What was recorded lies beside the pictures as JSON, and each file says by which ``command`` it was made, with
which ``versions``. The pictures of the README (readme_*.png) are taken of a running JupyterLab instead, by
``python tests/browser/readme_pictures.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from course_lib.results import Cell, write_whole
from course_lib.tasks import make_task
from course_lib.views.results import results_png
from figures import revealing_arm

FOLDER = Path(__file__).parent


def draw_results(recorded: Path, folder: Path) -> list[Path]:
    """The picture of ``course results``: of the trainings that its table names."""
    rows = json.loads(recorded.read_text(encoding="utf-8"))["rows"]
    cells = [Cell(row["method"], row["task"], seed) for row in rows for seed in row["seeds"]]
    cells.sort(key=lambda cell: (cell.task, cell.method, cell.seed))
    kept = [cell.path(recorded.with_suffix("")) for cell in cells]  # a file each, in the folder results
    trainings = [json.loads(path.read_text(encoding="utf-8")) for path in kept]
    titles = {}
    for task in {cell.task for cell in cells}:
        title = make_task(task).title
        titles[task] = "  ".join([f"{title.ko}\n{title.en}", *task.split()[1:]])  # with its size, if any
    path = folder / "results.png"
    write_whole(path, results_png(trainings, titles, "학습한 초 · seconds of training"))
    return [path]


# What is drawn of each recorded file: (recorded, folder) → the paths of the pictures.
DRAWN: dict[str, Callable[[Path, Path], list[Path]]] = {
    "results.json": draw_results,
    "revealing_arm.json": revealing_arm.draw,
}


def draw_all(folder: Path = FOLDER, recorded: Path = FOLDER) -> list[Path]:
    """Every picture, from the files in ``recorded``."""
    paths = []
    for name, draw in DRAWN.items():
        for path in draw(recorded / name, folder):
            print(f"{path.name} ← {name}", flush=True)
            paths.append(path)
    return paths


if __name__ == "__main__":
    draw_all()
