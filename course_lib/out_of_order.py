"""What to run first, said where a cell uses what an earlier cell makes: after a restart, or from the middle.

An IPython extension. ``make lab`` loads it into every kernel; elsewhere a lesson's first cell does.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from course_lib.bilingual import Bilingual

RUN_ABOVE = Bilingual(
    "메뉴의 Run ▸ Run All Above Selected Cell(실행 ▸ 선택한 셀 위 모두 실행)이면 됩니다",
    "The menu's Run ▸ Run All Above Selected Cell does it",
)
MADE_BY = Bilingual(
    "`{name}`은(는) `{line}`(으)로 시작하는 셀이 만듭니다. 그 셀을, 그리고 그 위의 셀들을 먼저 실행하십시오. {how.ko}.",
    "`{name}` is made by the cell that begins with `{line}`. Run that cell, and those above it, first. {how.en}.",
)
NOT_MADE = Bilingual(
    "`{name}`이(가) 아직 없습니다. 위의 셀이 만드는 이름이라면 그 셀들을 먼저 실행하십시오. {how.ko}. 아니라면 철자를 보십시오.",
    "There is no `{name}` yet. If a cell above makes it, run the cells above first. {how.en}. If not, look at its spelling.",
)
MOST_SHOWN = 60  # characters of a cell's first line
MOST_READ = 10_000_000  # bytes of a notebook


def load_ipython_extension(shell) -> None:
    """Have the kernel say it; loading twice changes nothing."""
    shell.set_custom_exc((NameError,), explain)


def explain(shell, kind: type, error: NameError, traceback, tb_offset: int | None = None) -> list[str]:
    """The usual traceback of a NameError and, where a cell raised it, what to run first, in both languages."""
    lines = shell.InteractiveTB.structured_traceback(kind, error, traceback, tb_offset=tb_offset)
    last = traceback
    while last.tb_next is not None:
        last = last.tb_next
    in_a_cell = last.tb_frame.f_globals is shell.user_ns
    if in_a_cell and error.name and not isinstance(error, UnboundLocalError):
        lines = [*lines, *what_to_run(error.name, notebook_path())]
    shell._showtraceback(kind, error, lines)
    return lines


def what_to_run(name: str, notebook: Path | None) -> Bilingual:
    """Which cell of the notebook makes ``name``, if that can be seen in its file."""
    cell = next((source for source in code_cells(notebook) if name in names_made_by(source)), None)
    if cell is None:
        return NOT_MADE.format(name=name, how=RUN_ABOVE)
    line = next(line for line in cell.splitlines() if line.strip() and not line.startswith(("#", "%")))
    shown = line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + "…"
    return MADE_BY.format(name=name, line=shown, how=RUN_ABOVE)


def notebook_path() -> Path | None:
    """The notebook of this kernel, where the server says which it is (jupyter_server does, VS Code does not)."""
    path = os.environ.get("JPY_SESSION_NAME", "")
    return Path(path) if path.endswith(".ipynb") else None


def code_cells(notebook: Path | None) -> Iterator[str]:
    """The sources of a notebook's code cells; none if it can't be read, since here only a hint is at stake."""
    try:
        if notebook is None or notebook.stat().st_size > MOST_READ:
            return
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    except (OSError, ValueError, KeyError, TypeError):
        return


def names_made_by(source: str) -> set[str]:
    """The names that a cell defines at its top level: assigned, imported, functions, classes, loop variables."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # magics, or unfinished
        return set()
    found, open_nodes = set(), list(tree.body)
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            pass  # what these bind stays inside
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            found |= names_with_a_star(node.module or "")
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            open_nodes += ast.iter_child_nodes(node)
    return found


def names_with_a_star(module: str) -> set[str]:
    """What ``from module import *`` brings, of the course's own modules: others are not imported for a hint."""
    if module.split(".")[0] != "course_lib":
        return set()
    try:
        return set(getattr(importlib.import_module(module), "__all__", ()))
    except ImportError:
        return set()
