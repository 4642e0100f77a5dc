"""The floors of the house: a floor imports only floors below it.

Imports are read from the source, not executed, so that one inside a function or behind
``TYPE_CHECKING`` counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "course_lib"
FLOORS = (  # ground first
    "setup", "bilingual", "out_of_order", "tasks", "exact", "agents", "training", "results", "views", "lesson",
    "grading", "authoring", "cli",
)  # fmt: skip
DRAWING = {"IPython", "anywidget", "ipywidgets", "matplotlib"}
NEVER_DRAW = {"agents", "training", "results"}  # what trains runs in a script, on a server, without a screen


def imported_modules(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Every module the source may import, as (line, absolute dotted name).

    ``from a import b`` yields ``a.b``: b may be a module, and a name in a only makes it longer.
    """
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*parts, alias.name])) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == PACKAGE.name:  # `import course_lib`, then `course_lib.training`
                yield node.lineno, f"{PACKAGE.name}.{node.attr}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def breaches(package: Path) -> list[str]:
    """Every import that goes up, every file that stands on no floor, every widget where none belongs."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside == Path("__init__.py"):
            floor, height = "__init__", 0  # importing a floor imports this first, so it stands below all
        else:
            floor = inside.parts[0].removesuffix(".py")
            if floor not in FLOORS:
                found.append(f"{inside}: '{floor}' is on no floor; declare it in {Path(__file__).name}")
                continue
            height = FLOORS.index(floor)
        is_package = path.name == "__init__.py"
        names = inside.parent.parts if is_package else inside.with_suffix("").parts
        source = path.read_text(encoding="utf-8")
        for line, name in imported_modules(source, ".".join([package.name, *names]), is_package):
            top, *rest = name.split(".")
            where = f"{inside}:{line}"
            if top in DRAWING and floor in NEVER_DRAW:
                found.append(f"{where}: {floor} imports {top}")
            if top != package.name or not rest or rest[0] not in FLOORS or rest[0] == floor:
                continue
            if floor == "__init__" or FLOORS.index(rest[0]) > height:
                found.append(f"{where}: {floor} imports {rest[0]}, a higher floor")
            if floor == "views" and rest[0] == "agents" and rest[1:2] != ["snapshot"]:
                found.append(f"{where}: views may know of agents only the snapshot, not {name}")
    return found


def test_no_floor_imports_a_higher_one():
    assert len(list(PACKAGE.rglob("*.py"))) > 10  # the tree was really read
    assert breaches(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("tasks/city.py", "from course_lib.exact import planning", "tasks imports exact"),
        ("tasks/city.py", "import course_lib.views.panels as panels", "tasks imports views"),
        ("tasks/city.py", "from course_lib import training", "tasks imports training"),
        ("tasks/city.py", "def late():\n    from course_lib.cli import main", "tasks imports cli"),
        ("tasks/city.py", "if TYPE_CHECKING:\n    from course_lib.agents import snapshot", "imports agents"),
        ("tasks/city.py", "from ..exact.belief import exact_belief", "tasks imports exact"),
        ("tasks/city.py", "from .. import exact", "tasks imports exact"),
        ("tasks/__init__.py", "from ..exact import belief", "tasks imports exact"),
        ("tasks/deep/er.py", "from ...exact import belief", "tasks imports exact"),
        ("bilingual.py", "from .tasks import make_task", "bilingual imports tasks"),
        ("lesson/start.py", "importlib.import_module('course_lib.grading.grade')", "imports grading"),
        ("tasks/city.py", "import course_lib\nx = course_lib.training", "tasks imports training"),
        ("__init__.py", "from course_lib.bilingual import Bilingual", "__init__ imports bilingual"),
        ("agents/rl2.py", "import matplotlib.pyplot as plt", "agents imports matplotlib"),
        ("agents/rl2.py", "def show():\n    from ipywidgets import Button", "agents imports ipywidgets"),
        ("training.py", "import anywidget", "training imports anywidget"),
        ("views/panels.py", "from course_lib.agents.rl2 import train", "only the snapshot"),
        ("views/panels.py", "from course_lib.agents import rl2", "only the snapshot"),
        ("helpers.py", "", "'helpers' is on no floor"),
        ("helpers/one.py", "", "'helpers' is on no floor"),
    ],
)
def test_a_breach_is_seen(tmp_path, file, source, complaint):
    path = tmp_path / "course_lib" / file
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    found = breaches(tmp_path / "course_lib")
    assert len(found) == 1 and complaint in found[0]


def test_what_is_allowed_is_not_a_breach(tmp_path):
    path = tmp_path / "course_lib" / "views" / "panels.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import course_lib\nimport matplotlib\nfrom . import figure\nfrom ..tasks import City\n"
        "from course_lib.agents.snapshot import Snapshot\nprint(course_lib.__file__)\n",
        encoding="utf-8",
    )
    assert breaches(tmp_path / "course_lib") == []
