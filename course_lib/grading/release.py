"""The release: what of a lesson's pristine notebook a submission is merged into.

A release is a folder with ``NN_name.ipynb`` as it was handed out, and ``solutions/NN_name.ipynb``. (``course
grade`` makes one from the lessons' sources: in ``notebooks/`` itself learners may have worked.) An answer cell is
one whose source differs between the two; the exercise it belongs to is that of the next ``check("3.1", …)``. Of all the other cells only what an answer may
need is kept: imports, functions, classes, and whatever the solution uses. The lesson's trainings, views and
pictures are no part of a grade, and would take minutes.
"""

from __future__ import annotations

import ast
import importlib
import json
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.bilingual import Bilingual, CourseError

# What a lesson shows, and where the right answers are: in a graded notebook these names do nothing.
ABSENT = ("course_lib.lesson", "course_lib.views", "course_lib.grading", "course_lib.authoring")
STAND_IN = '''\
class _Absent:
    """Stands for what a lesson shows; it can be called and does nothing."""
    def __call__(self, *arguments, **options): return None
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
get_ipython().ask_exit = lambda: None  # a quit() at a cell's end would end the kernel some cells later
'''


@dataclass(frozen=True)
class AnswerCell:
    """A cell that the learner fills in: its id, what stands there before, and the names it defines."""

    id: str
    stub: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """One exercise: its answer cells, and the expression that ``check`` is given."""

    exercise: str
    cells: tuple[AnswerCell, ...]
    expression: str


@dataclass(frozen=True)
class Statement:
    """A statement of the release's own cells: the names it defines, and those it uses."""

    source: str
    names: frozenset[str]
    uses: frozenset[str]


@dataclass(frozen=True)
class Release:
    """One lesson as it is graded. ``others`` are the ids of the cells that are never taken from a submission."""

    name: str  # "01_end_to_end"
    given: tuple[Statement, ...]  # what an answer may use
    needed: frozenset[str]  # what the solutions use
    gaps: tuple[Gap, ...]
    others: tuple[str, ...]

    @property
    def lesson(self) -> str:
        return str(int(self.name[:2]))


def read_releases(notebooks: Path) -> list[Release]:
    """Every lesson in this folder that has exercises.

    Raises:
        CourseError: there is none, or a notebook of the release can't be read.
    """
    found = [read_release(path) for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))]
    found = [release for release in found if release.gaps]
    if not found:
        raise CourseError(Bilingual(
            f"'{notebooks}'에 연습이 있는 강의 노트북이 없습니다. 강의 저장소의 notebooks 폴더를 주십시오.",
            f"'{notebooks}' holds no lesson with exercises. Give the folder notebooks of the course.",
        ))  # fmt: skip
    return found


def read_release(path: Path) -> Release:
    """One lesson, from its notebook and the solved one beside it."""
    cells, solved = _code_cells(path), dict(_code_cells(path.parent / "solutions" / path.name))
    answers = {cell_id: source for cell_id, source in cells if solved.get(cell_id, source) != source}
    gaps, waiting, graded = [], [], set()
    for cell_id, source in cells:
        if cell_id in answers:
            names = tuple(defined(parse(solved[cell_id]).body))
            waiting.append(AnswerCell(cell_id, source, names))
        for exercise, expression in _checks(source):
            if exercise not in graded:
                graded.add(exercise)
                gaps.append(Gap(exercise, tuple(waiting), expression))
                waiting = []
    solutions = [solved[cell.id] for gap in gaps for cell in gap.cells]
    needed = frozenset().union(*map(used, solutions))
    given = _given([source for cell_id, source in cells if cell_id not in answers], needed)
    others = tuple(cell_id for cell_id, _ in cells if cell_id not in answers)
    return Release(path.stem, given, needed, tuple(gaps), others)


def _code_cells(path: Path) -> list[tuple[str, str]]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [(cell["id"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(Bilingual(
            f"배포본 '{path}'을(를) 읽을 수 없습니다. `course build`로 다시 만드십시오.",
            f"The release '{path}' can't be read. Make it anew with `course build`.",
        )) from error  # fmt: skip


def parse(source: str) -> ast.Module:
    """Python of a cell, in which ``await`` may stand at the top; magics and mistakes give an empty module."""
    try:
        return compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _checks(source: str) -> Iterator[tuple[str, str]]:
    """The ``check("1.1", answer)`` calls of a cell: the id, and the answer's expression."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Call) and len(node.args) >= 2 and isinstance(node.args[0], ast.Constant):
            if getattr(node.func, "id", getattr(node.func, "attr", None)) == "check":
                yield str(node.args[0].value), ast.unparse(node.args[1])


# -- what an answer may need ----------------------------------------------------------------------------------


def defined(statements: Iterable[ast.stmt]) -> list[str]:
    """The names that these statements give a value to, at the top level."""
    names = []
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [(alias.asname or alias.name.split(".")[0]) for alias in node.names]
        else:
            names += [
                part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            ]
    return list(dict.fromkeys(names))


def used(source: str) -> frozenset[str]:
    """The names that a cell takes from elsewhere; of one that is no Python, none."""
    try:
        tables, found = [symtable.symtable(source, "<cell>", "exec")], set()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            outside = symbol.is_global() or table.get_type() == "module"
            if outside and symbol.is_referenced():
                found.add(symbol.get_name())
    return frozenset(found)


def _given(sources: list[str], needed: frozenset[str]) -> tuple[Statement, ...]:
    """The statements of the release's own cells that an answer may use, in their order.

    Imports, functions and classes always; other statements, which may take minutes, where a solution needs them.
    """
    wanted, kept = set(needed), []
    for node in reversed([node for source in sources for node in parse(source).body]):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            kept.append(_import(node))
            continue
        source = ast.unparse(node)
        statement = Statement(source, frozenset(defined([node])), used(source))
        plain = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.decorator_list
        if plain or statement.names & wanted:
            kept.append(statement)
        if statement.names & wanted:
            wanted |= statement.uses
    return tuple(reversed(kept))


def preamble(release: Release, answers: Iterable[str]) -> str:
    """What comes before these answers: of the statements given, those that they or the solutions use."""
    wanted = set(release.needed).union(*map(used, answers))
    kept = []
    for statement in reversed(release.given):
        if statement.names & wanted:
            kept.append(statement.source)
            wanted |= statement.uses
    return "\n".join([STAND_IN, "import course_lib.grading.probe", *reversed(kept)])


def _import(node: ast.Import | ast.ImportFrom) -> Statement:
    """The import itself, or stand-ins for the names it would bring."""
    modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    names = defined([node])
    if not any(module == name or module.startswith(f"{name}.") for module in modules for name in ABSENT):
        return Statement(ast.unparse(node), frozenset(names), frozenset())
    if names == ["*"]:
        names = importlib.import_module(modules[0]).__all__
    return Statement("\n".join(f"{name} = _Absent()" for name in names), frozenset(names), frozenset())
