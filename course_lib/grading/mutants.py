"""How good the exercises' cases are: solutions with one small thing changed, and how many are refused.

A survivor is either a hole in the cases or no change at all in meaning; ``SAME_MEANING`` argues the latter, one by
one. ``python -m course_lib.grading.mutants`` prints the score of every exercise.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

from course_lib.lesson.exercise import Exercise, all_exercises, judge, solution_source

LONGEST_S = 2.0  # of one mutant; a right answer takes milliseconds
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Div,
    ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.Mod: ast.FloorDiv,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
METHODS = {
    "sum": "mean", "mean": "sum", "log": "exp", "exp": "log", "max": "min", "min": "max", "zeros_like": "ones_like",
    "zeros": "ones", "ones": "zeros", "ones_like": "zeros_like", "argmax": "argmin", "cumsum": "cumprod", "cat": "stack",
    "softmax": "log_softmax", "log_softmax": "softmax", "all": "any", "any": "all", "amax": "amin",
}  # fmt: skip

# Survivors that mean the same as the solution, by exercise: the mutant's changed line, and why nothing differs.
SAME_MEANING: dict[str, dict[str, str]] = {
    "1.1": {
        "return torch.cat([sensed, before.to(reward.dtype)], dim=-1)": "what is sensed and rewards are float32 in the course",
    },
    "1.2": {
        "following = torch.zeros_like(episode_over[:, 0])": "False counts as 0 in the sum",
        "following = torch.zeros_like(reward[:, -1])": "zeros of the same shape",
        "for t in reversed(range(episode_over.shape[1])):": "the two arguments have the same shape",
    },
    "1.3": {
        "still_possible = possible.sum(dim=-1)": "the logarithm of an integer is a float anyway",
        "return math.log(possible.shape[1]) - still_possible.log().mean()": "the last axis is axis 1",
        "still_possible = possible.sum(dim=1).float()": "the last axis is axis 1",
    },
    "2.3": {
        "return 0.5 * (mean ** 2 + variance - 1 - variance.log()).sum(dim=1)": "the last axis is axis 1",
    },
    "3.1": {
        "log_guess = torch.special.xlogy(belief, guess).sum(dim=1)": "the last axis is axis 1",
        "return math.log(belief.shape[1]) + log_guess.mean()": "the last axis is axis 1",
        "return math.log(guess.shape[-1]) + log_guess.mean()": "the two arguments have the same shape",
    },
    "3.4": {
        "return (code ** 2).sum(1).mean() / (2 * noise ** 2)": "the last axis is axis 1",
    },
    "4.1": {
        "return (informed.gather(-1, came) - guessed.gather(-1, came))[..., -1]": "the last axis has one entry",
    },
    "4.2": {
        "before = torch.cat([torch.zeros_like(log_variance[:, :1]), mean[:, :-1]], dim=1)": "zeros of the same shape",
        "log_before = torch.cat([torch.zeros_like(log_variance[:, :1]), log_variance[:, :-1]], dim=1)": "zeros of the same shape",
    },
    "4.3": {
        "left = episodes - torch.arange(explored.shape[1])": "the same device, on a CPU",
        "given = torch.cat([torch.zeros_like(exploited[:, :1]), explored[:, :-1].cumsum(dim=1)], dim=1)": "zeros of the same shape",
        "left = episodes - torch.arange(exploited.shape[1], device=explored.device)": "the two arguments have the same shape",
        "left = episodes - torch.arange(explored.shape[1], device=exploited.device)": "the same device",
    },
    "4.4": {
        "favourite = F.one_hot(arm, chances.shape[1])": "as many chances as shares",
    },
    "5.1": {
        "better = ours[:, None] > theirs[None, :]": "True counts as 1 in the sum with floats",
        "tied = ours[:, None] == theirs[None, :]": "True counts as 1 in the product with 0.5",
    },
    "5.5": {
        "return test_return.gather(1, best[:, None])[:, -1]": "there is one column",
    },
}


class Mutant(NamedTuple):
    """A solution with one thing changed."""

    source: str
    changed: str  # the line that differs


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a function's source, each once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    seen = {original}
    for index in range(sum(1 for _ in ast.walk(tree))):
        for number in range(20):
            changed = copy.deepcopy(tree)
            node = list(ast.walk(changed))[index]
            changes = list(_changes(node, changed))
            if number >= len(changes):
                break
            changes[number]()
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text not in seen:
                seen.add(text)
                lines = [line.strip() for line in text.splitlines() if line not in original.splitlines()]
                yield Mutant(text, " ".join(lines) or "(a line left out)")


def _changes(node: ast.AST, tree: ast.AST) -> Iterator:
    """The small changes that can be made to a node, as functions that make them."""

    def put(holder: object, name: str, value: object):
        return lambda: setattr(holder, name, value)

    if isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in SWAPS:
        yield put(node, "op", SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                yield lambda place=place, operator=operator: node.ops.__setitem__(place, SWAPS[type(operator)]())
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        if isinstance(node.value, bool):
            yield put(node, "value", not node.value)
        elif isinstance(node.value, (int, float)):
            for value in {node.value + 1, node.value - 1, 0} - {node.value}:
                yield put(node, "value", value)
    if isinstance(node, ast.Attribute) and node.attr in METHODS:
        yield put(node, "attr", METHODS[node.attr])
    if isinstance(node, ast.Slice):
        for name in ("lower", "upper", "step"):
            if getattr(node, name) is not None:
                yield put(node, name, None)
    if isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield put(node, "args", [node.args[1], node.args[0], *node.args[2:]])
        for keyword in node.keywords:
            yield put(node, "keywords", [one for one in node.keywords if one is not keyword])
    if isinstance(node, ast.Return):
        yield put(node, "value", None)
    for name, value in ast.iter_fields(node):
        parts = value if isinstance(value, list) else [value]
        for place, part in enumerate(parts):
            simpler = _simpler(part)
            if simpler is not None and isinstance(value, list):
                yield lambda value=value, place=place, simpler=simpler: value.__setitem__(place, simpler)
            elif simpler is not None:
                yield put(node, name, simpler)
    if isinstance(node, (ast.FunctionDef, ast.For, ast.While, ast.If)):
        for place, statement in enumerate(node.body):
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                yield lambda place=place: node.body.__setitem__(place, ast.Pass())
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        arguments = [argument.arg for argument in tree.body[0].args.args]
        if node.id in arguments:
            for other in arguments:
                if other != node.id:
                    yield put(node, "id", other)


def _simpler(node: object) -> ast.AST | None:
    """What is left of an operation without it: ``x`` of ``-x``, of ``x.log()``, of ``reversed(x)``."""
    if isinstance(node, ast.UnaryOp):
        return node.operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        return node.func.value if not isinstance(node.func.value, ast.Name) or node.func.value.id != "torch" else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return node.args[0]
    return None


class Score(NamedTuple):
    """How many mutants of an exercise's solution there are, and those that passed."""

    exercise: str
    total: int
    survivors: tuple[Mutant, ...]

    @property
    def refused(self) -> float:
        """The share refused, of those that change something."""
        argued = sum(mutant.changed in SAME_MEANING.get(self.exercise, {}) for mutant in self.survivors)
        return 1 - (len(self.survivors) - argued) / max(self.total - argued, 1)


def score(exercise: Exercise, seeds: int = 2) -> Score:
    """Judge every mutant of the solution on as many draws of the cases as grading uses."""
    survivors, total = [], 0
    for mutant in mutants(solution_source(exercise)):
        total += 1
        if _passes(exercise, mutant, seeds):
            survivors.append(mutant)
    return Score(exercise.id, total, tuple(survivors))


def _passes(exercise: Exercise, mutant: Mutant, seeds: int) -> bool:
    names = dict(vars(sys.modules[exercise.solution.__module__]))
    try:
        exec(compile(mutant.source, "<mutant>", "exec", dont_inherit=True), names)
        answer = names[exercise.solution.__name__]
        with _at_most(LONGEST_S):
            return all(judge(exercise, answer, seed).outcome == "PASS" for seed in range(seeds))
    except (TimeoutError, SyntaxError):
        return False


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """End an endless loop, where the system can."""

    def end(number, frame):
        raise TimeoutError

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # again and again: each case may loop
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> None:
    for exercise in all_exercises():
        if exercise.cases is None:
            continue
        found = score(exercise)
        print(f"{exercise.id}: {found.refused:.1%} of {found.total} refused, {len(found.survivors)} survive")
        for mutant in found.survivors:
            print(f"    {mutant.changed}    {SAME_MEANING.get(exercise.id, {}).get(mutant.changed, '')}")


if __name__ == "__main__":
    main()
