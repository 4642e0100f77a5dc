"""What a lesson defines, for whoever wants to run it many times: the lesson's own code, not a copy of it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from course_lib.authoring.build import read_lesson

SOURCES = Path(__file__).resolve().parents[2] / "notebooks" / "source"
AS_IN_A_CELL = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def definitions(lesson: str, *names: str, **given: Any) -> dict[str, Any]:
    """Functions, classes and constants of a lesson, as its code cells define them, without running anything else.

    Args:
        lesson: its number, such as "05".
        names: what to define, in any order.
        given: what these use besides the lesson's imports and one another.
    Returns:
        Everything defined, by name.
    Raises:
        LookupError: the lesson does not define a name at the top of a cell.
    """
    (path,) = SOURCES.glob(f"{lesson}_*.md")
    wanted, missing = [], set(names)
    for cell in read_lesson(path).cells:
        if cell.kind != "code":
            continue
        for statement in compile(cell.source, path.name, "exec", AS_IN_A_CELL, dont_inherit=True).body:
            defined = set(names_of(statement)) & set(names)
            if defined or isinstance(statement, ast.Import | ast.ImportFrom):
                wanted.append(statement)
            missing -= defined
    if missing:
        raise LookupError(f"{path.name} defines no {', '.join(sorted(missing))}")
    namespace = dict(given, __name__=path.stem)
    exec(compile(ast.Module(wanted, []), path.name, "exec", dont_inherit=True), namespace)
    return {name: namespace[name] for name in names}


def names_of(statement: ast.stmt) -> list[str]:
    """What a statement at the top of a cell gives a name to."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []
