"""A cell run before the cells that it needs says which to run first; nothing else happens."""

import os
import re

import nbformat
import pytest
from cut_short import cut_short
from nbclient import NotebookClient
from test_lessons import LESSONS, NOTEBOOKS

from course_lib.out_of_order import names_made_by, notebook_path, what_to_run

REMEMBER = "import builtins; builtins.at_first = set(globals())"
FORGET = "for made in set(globals()) - builtins.at_first: del globals()[made]"


def run(cells: list[str], folder, monkeypatch, name: str = "") -> list:
    """Run these sources in a kernel, whatever they raise, and give their outputs."""
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("JPY_SESSION_NAME", str(NOTEBOOKS / "solutions" / f"{name}.ipynb"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("name", LESSONS)
def test_from_the_middle(name, tmp_path, monkeypatch):
    """Each cell of a solved lesson, run after the first one alone: it works, or says which cell to run first."""
    notebook = nbformat.read(NOTEBOOKS / "solutions" / f"{name}.ipynb", as_version=4)
    cut_short(notebook)
    first, *others = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    outputs = run([first, REMEMBER, *(part for cell in others for part in (cell, FORGET))], tmp_path, monkeypatch, name)
    wrong, refused = [], 0
    for source, shown in zip(others, outputs[2::2], strict=True):
        for error in (output for output in shown if output.output_type == "error"):
            refused += 1
            said = "\n".join(error.traceback[-2:])
            if error.ename != "NameError" or "is made by the cell that begins with" not in said:
                wrong.append((source[:60], error.ename, error.evalue))
    assert not wrong
    assert refused or name.startswith("00")  # else this test has seen nothing
    assert all(output.output_type != "error" for shown in (outputs[0], outputs[1], *outputs[3::2]) for output in shown)


@pytest.mark.parametrize("name", [name for name in LESSONS if name.startswith("01")])  # of all, it takes minutes
def test_every_cell_twice(name, tmp_path, monkeypatch):
    notebook = nbformat.read(NOTEBOOKS / "solutions" / f"{name}.ipynb", as_version=4)
    cut_short(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    outputs = run([source for cell in cells for source in (cell, cell)], tmp_path, monkeypatch)
    errors = [
        (cells[number // 2][:60], error.evalue)
        for number, shown in enumerate(outputs)
        for error in shown
        if error.output_type == "error"
    ]
    assert not errors


def test_the_cell_that_makes_a_name_is_named(tmp_path):
    path = tmp_path / "lesson.ipynb"
    cells = ["# what follows\nfrom torch import nn as layers", "def f(x):\n    inside = x\n    return inside", "city, b = 1, 2"]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    assert "`from torch import nn as layers`" in what_to_run("layers", path).en
    assert "`def f(x):`" in what_to_run("f", path).ko
    assert "`city, b = 1, 2`" in what_to_run("city", path).ko
    for unmade in ("inside", "nn", "x"):
        assert "spelling" in what_to_run(unmade, path).en
    assert "spelling" in what_to_run("city", None).en
    path.write_text("broken", encoding="utf-8")
    assert "spelling" in what_to_run("city", path).en


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c as d", {"a", "d"}),
        ("x, *y = z", {"x", "y"}),
        ("for i in r:\n    with o as p: q = 1", {"i", "p", "q"}),
        ("class K:\n    inside = 1\n@deco\nasync def f(): inner = 2", {"K", "f"}),
        ("v = [w for w in u]\ng = lambda t: t\n(n := 3)", {"v", "g", "n"}),
        ("%matplotlib inline", set()),
        ("from os.path import *", set()),
        ("from course_lib.unheard import *", set()),
    ],
)
def test_names_made_by_a_cell(source, names):
    assert names_made_by(source) == names


def test_a_star_brings_what_the_module_says():
    assert {"check", "start", "quiz"} <= names_made_by("from course_lib.lesson import *")


def test_other_errors_stay_as_they_are(tmp_path, monkeypatch):
    cells = [
        'from course_lib.lesson import start\nstart("00")',
        "unmade",
        "1 / 0",
        "def f():\n    print(late)\n    late = 1\nf()",
        "import json\njson.loads('{')",
        "eval('unheard', {})",
    ]
    outputs = run(cells, tmp_path, monkeypatch, "none")
    last = [["\n".join(output.traceback[-2:]) for output in shown if output.output_type == "error"] for shown in outputs]
    assert last[0] == []
    assert "spelling" in last[1][0] and "철자" in last[1][0] and "NameError" in outputs[1][-1].traceback[-3]
    assert all(said and "Run All Above" not in said[0] for said in last[2:])


def test_which_notebook_a_kernel_belongs_to(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert notebook_path() is None
    monkeypatch.setenv("JPY_SESSION_NAME", os.path.join("somewhere", "lesson.ipynb"))
    assert re.search(r"lesson\.ipynb$", str(notebook_path()))
