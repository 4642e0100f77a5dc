"""Exercises: what one is, how an answer is judged, and what the learner sees.

An author writes an :class:`Exercise` and registers it; a notebook cell calls :func:`check`, :func:`hint`,
:func:`solution`, :func:`card` or :func:`yours_or_reference` with the exercise's id. An answer is a function,
run on seeded cases beside an independent reference, or a plain value (a choice, a line number, a number).

Four outcomes: PASS, FAIL (it runs and is wrong), ERROR (it raises), TODO (not written yet). ``check`` prints
one line that is the same in both languages, shows a card, and raises on anything but PASS, so that a notebook
run by nbval fails exactly there.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib
import inspect
import io
import linecache
import random
import re
import sysconfig
import textwrap
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import course_lib
from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards
from course_lib.lesson.compare import PLAIN_NUMBERS, Difference, compact, difference, gradients, kept, parts_of, unchanged
from course_lib.lesson.progress import progress_table, record_check, record_hint

SYMBOLS = {"PASS": ("✓", "good"), "FAIL": ("✗", "bad"), "ERROR": ("⚠", "bad"), "TODO": ("…", "careful")}
OUTCOMES = {
    "PASS": Bilingual(ko="통과했습니다", en="passed"),
    "FAIL": Bilingual(ko="아직 다릅니다", en="not yet right"),
    "ERROR": Bilingual(ko="실행 중 오류가 났습니다", en="stopped with an error"),
    "TODO": Bilingual(ko="아직 쓰지 않았습니다", en="not written yet"),
}
MOST_PRINTED = 400  # characters of the learner's own prints shown in a card
HINTS = 3


@dataclass(frozen=True)
class WrongAnswer:
    """A mistake learners really make, kept as a working wrong answer with its own message."""

    name: str
    answer: object  # a function, or a value in an exercise whose answer is a value
    message: Bilingual


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise of a lesson; :func:`course_lib.authoring.validate.validate` lists what is wrong with one.

    ``reference`` computes the expected values and is written independently of ``solution``, the function (or
    value) that a learner is shown: its text is read from its own source, so it cannot drift. ``cases`` draws
    argument tuples of several shapes from a generator; without it the answer is a plain value, compared with
    ``reference``.
    """

    id: str  # "1.2": second exercise of lesson 01
    title: Bilingual
    minutes: int
    difficulty: int  # 1..5
    signature: str  # 'carry_hidden_state(hidden, trial_starts)', or 'line = …' for a value
    reference: object
    solution: object
    why: Bilingual  # shown with the solution: why it is right
    hints: tuple[Bilingual, Bilingual, Bilingual]
    wrong: tuple[WrongAnswer, ...]
    also_right: tuple[object, ...] = ()
    cases: Callable[[torch.Generator], list[tuple]] | None = None
    tolerance: float = 1e-5
    dtype_matters: bool = False
    indices_matter: bool = False  # integers say places in a table, where a float that equals one is of no use
    gradients_matter: bool = False  # where the reference's value has no gradient at all, none may flow
    may_change_inputs: bool = False  # a function that is meant to work in place, as a training step does

    @property
    def lesson(self) -> str:
        return self.id.split(".")[0]

    @property
    def seed(self) -> int:
        """The seed of the cases when none is given: fixed, and another one in each exercise."""
        return zlib.crc32(self.id.encode())


class Verdict(NamedTuple):
    """What became of an answer; the texts describe the first case that did not pass."""

    exercise: Exercise
    outcome: str  # "PASS", "FAIL", "ERROR" or "TODO"
    passed: int
    total: int
    message: Bilingual | None = None
    mistake: WrongAnswer | None = None
    call: str = ""
    expected: str = ""
    got: str = ""
    printed: str = ""

    @property
    def line(self) -> str:
        return f"[{self.exercise.id}] {self.outcome} {self.passed}/{self.total}"


class NotSolvedYet(Exception):
    """Raised by ``check`` on anything but PASS; Jupyter shows it as one line."""

    def __init__(self, verdict: Verdict) -> None:
        said = verdict.mistake.message if verdict.mistake else verdict.message
        self.sentence = " ".join(f"{verdict.line} · {said}".replace("`", "").split())
        super().__init__(self.sentence)
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        return [self.sentence]


# ── the exercises of the course ──────────────────────────────────────────────────

_registered: dict[str, Exercise] = {}
_attempted: set[str] = set()  # in this kernel only: stored outputs must not depend on earlier runs
_hints_read: dict[str, int] = {}
_nudged: set[str] = set()


def register(exercise: Exercise) -> Exercise:
    """Make an exercise known under its id; an id that is taken is an author's mistake."""
    if exercise.id in _registered:
        raise CourseError(Bilingual(
            ko=f'연습 번호 "{exercise.id}"이(가) 두 번 등록되었습니다. 번호는 하나뿐이어야 합니다.',
            en=f'Exercise id "{exercise.id}" is registered twice. Give each exercise an id of its own.',
        ))
    _registered[exercise.id] = exercise
    return exercise


def find(exercise_id: str) -> Exercise:
    """The exercise with this id; the exercises of its lesson are loaded when first asked for."""
    if not isinstance(exercise_id, str):
        raise CourseError(Bilingual(
            ko='연습 번호를 따옴표 안에 먼저 쓰십시오. 예: `check("1.1", my_function)`.',
            en='Write the exercise id first, in quotes, for example `check("1.1", my_function)`.',
        ))
    if exercise_id not in _registered:
        load_lesson(exercise_id.split(".")[0])
    if exercise_id in _registered:
        return _registered[exercise_id]
    lesson = exercise_id.split(".")[0]
    known = exercises_of(lesson) or list(_registered.values())
    names = ", ".join(exercise.id for exercise in known) or "-"
    raise CourseError(Bilingual(
        ko=f'"{exercise_id}"(이)라는 연습은 없습니다. 있는 연습: {names}.',
        en=f'There is no exercise "{exercise_id}". These exist: {names}.',
    ))


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of one lesson ("1" or "01"), in the order of their ids."""
    lesson = str(lesson).lstrip("0") or "0"
    load_lesson(lesson)
    return _in_order(exercise for exercise in _registered.values() if exercise.lesson == lesson)


def all_exercises() -> list[Exercise]:
    """The exercises of all lessons, in the order of their ids."""
    for folder in course_lib.__path__:
        for file in Path(folder, "lesson", "exercises").glob("lesson[0-9]*.py"):
            load_lesson(str(int(file.stem.removeprefix("lesson"))))
    return _in_order(_registered.values())


def _in_order(exercises: Iterable[Exercise]) -> list[Exercise]:
    """Ordered by id: 1.2 before 1.10."""
    return sorted(exercises, key=lambda exercise: [int(part) for part in re.findall(r"\d+", exercise.id)])


def load_lesson(lesson: str) -> None:
    """Import the exercises and questions of a lesson ("1"); nothing happens for a lesson without any."""
    if not lesson.isdecimal():
        return
    module = f"course_lib.lesson.exercises.lesson{int(lesson):02d}"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if not module.startswith(missing.name or "-"):  # something that the lesson itself imports is missing
            raise


# ── what a notebook cell calls ───────────────────────────────────────────────────


def check(exercise_id: str, answer: object = None, *, seed: int | None = None) -> None:
    """Judge an answer: print one line, show a card, and raise :class:`NotSolvedYet` on anything but PASS.

    Raises CourseError for an unknown id. ``seed`` draws other cases than the usual ones.
    """
    exercise = find(exercise_id)
    verdict = judge(exercise, answer, seed)
    if verdict.outcome != "TODO":
        _attempted.add(exercise.id)
    record_check(exercise.id, verdict.outcome)
    print(verdict.line)
    cards.show(_verdict_card(verdict))
    if verdict.outcome != "PASS":
        raise NotSolvedYet(verdict)


def hint(exercise_id: str, number: int | None = None) -> None:
    """Show the next hint (first, second, third on successive calls), or hint ``number`` 1..3."""
    exercise = find(exercise_id)
    if number is not None and number not in range(1, HINTS + 1):
        raise CourseError(Bilingual(
            ko=f"힌트 번호는 1, 2, 3 가운데 하나입니다. 받은 값: {compact(number)}.",
            en=f"A hint's number is 1, 2 or 3; got {compact(number)}.",
        ))
    number = number or min(_hints_read.get(exercise.id, 0) + 1, HINTS)
    _hints_read[exercise.id] = max(number, _hints_read.get(exercise.id, 0))
    record_hint(exercise.id, number)
    after = (
        Bilingual(ko=f'다음 힌트: `hint("{exercise.id}")`', en=f'Next hint: `hint("{exercise.id}")`')
        if number < HINTS
        else Bilingual(ko=f'풀이: `solution("{exercise.id}")`', en=f'Solution: `solution("{exercise.id}")`')
    )
    label = f"[{exercise.id}] {number}/{HINTS}"
    heading = cards.heading("➜", label, Bilingual(ko="힌트", en="Hint"), "calm")
    cards.show(cards.panel("calm", heading, cards.words(exercise.hints[number - 1]), cards.quiet(after)))


def solution(exercise_id: str) -> None:
    """Show the solution and why it is right; before any attempt, first a nudge, then at the second call."""
    exercise = find(exercise_id)
    if exercise.id not in _attempted | _nudged:
        _nudged.add(exercise.id)
        title = Bilingual(ko="먼저 한번 해 보십시오", en="Try it first")
        nudge = Bilingual(
            ko='틀려도 괜찮습니다. `check("{id}", …)`가 무엇이 다른지 알려 주고, `hint("{id}")`가 한 걸음씩 돕습니다. '
               '그래도 보려면 `solution("{id}")`을 한 번 더 실행하십시오.',
            en='A wrong try costs nothing: `check("{id}", …)` says what differs, and `hint("{id}")` helps '
               'one step at a time. To see the solution anyway, run `solution("{id}")` once more.',
        ).format(id=exercise.id)
        heading = cards.heading("➜", f"[{exercise.id}]", title, "calm")
        cards.show(cards.panel("calm", heading, cards.words(nudge)))
        return
    record_hint(exercise.id, HINTS + 1)
    heading = cards.heading("✓", f"[{exercise.id}]", Bilingual(ko="풀이", en="Solution"), "good")
    source = solution_source(exercise)
    if callable(exercise.solution):  # under the name that the learner was asked for
        asked = exercise.signature.split("(")[0].strip()
        source = source.replace(f"def {exercise.solution.__name__}(", f"def {asked}(", 1)
    shown = cards.python(source)
    cards.show(cards.panel("good", heading, shown, cards.words(exercise.why)))


def card(exercise_id: str) -> None:
    """Show an exercise's title, time, difficulty and what to write."""
    exercise = find(exercise_id)
    heading = cards.heading("✎", f"[{exercise.id}]", exercise.title, "calm")
    facts = Bilingual(
        ko=f"{exercise.minutes}분 · 난이도 {cards.dots(exercise.difficulty)}",
        en=f"{exercise.minutes} min · difficulty {cards.dots(exercise.difficulty)}",
    )
    help_line = Bilingual(
        ko=f'막히면 `hint("{exercise.id}")`, 확인은 `check("{exercise.id}", …)`',
        en=f'Stuck? `hint("{exercise.id}")` · to check: `check("{exercise.id}", …)`',
    )
    cards.show(cards.panel(
        "calm", heading, cards.words(facts), cards.python(exercise.signature), cards.quiet(help_line)
    ))


def exercise_is_solved(exercise_id: str, answer: object) -> bool:
    """Whether ``check`` would pass; prints, shows and records nothing."""
    return judge(find(exercise_id), answer).outcome == "PASS"


def yours_or_reference(exercise_id: str, answer: object) -> object:
    """The learner's own answer where it passes, else the course's; shows which of the two is used."""
    exercise = find(exercise_id)
    solved = exercise_is_solved(exercise_id, answer)
    if solved:
        symbol, tone = "✓", "good"
        said = Bilingual(
            ko="이제부터 **직접 작성한 답**을 사용합니다.", en="From here on **your own answer** is used."
        )
    else:
        symbol, tone = "…", "careful"
        said = Bilingual(
            ko="아직 통과하지 못해 **준비된 답**을 사용합니다. 통과한 뒤 이 셀을 다시 실행하면 직접 작성한 답을 사용합니다.",
            en="It does not pass yet, so the **course's answer** is used. Once it does, run this cell again.",
        )
    heading = cards.heading(symbol, f"[{exercise.id}]", exercise.title, tone)
    cards.show(cards.panel(tone, heading, cards.words(said)))
    return answer if solved else exercise.solution


def progress() -> None:
    """Show what is solved so far, over all lessons; the cell's output differs from learner to learner."""
    cards.show(progress_table(all_exercises()))


def solution_source(exercise: Exercise) -> str:
    """The text of the solution, read from the function that is the solution."""
    if callable(exercise.solution):
        return textwrap.dedent(inspect.getsource(exercise.solution)).rstrip()
    name = exercise.signature.split("=")[0].strip()
    return f"{name} = {compact(exercise.solution)}" if name.isidentifier() else compact(exercise.solution)


# ── judging ──────────────────────────────────────────────────────────────────────


class Run(NamedTuple):
    """What one answer did on one case."""

    kind: str  # "value", "changed" (it altered its inputs), "error" or "todo"
    value: object
    printed: str
    message: Bilingual | None = None  # of an error
    error: type | None = None
    gradients: list | tuple = ()  # of a value, into the arguments: see :func:`course_lib.lesson.compare.gradients`


def judge(exercise: Exercise, answer: object, seed: int | None = None) -> Verdict:
    """Judge an answer without printing, showing or recording anything."""
    if exercise.cases is None:
        return _judge_value(exercise, answer)
    cases = draw_cases(exercise, seed)
    if answer is None or answer is ...:
        return Verdict(exercise, "TODO", 0, len(cases), not_written(exercise))
    if not callable(answer):
        return Verdict(exercise, "FAIL", 0, len(cases), got=compact(answer), message=Bilingual(
            ko=f"함수가 필요합니다: 따옴표와 괄호 없이 함수의 이름만 넘기십시오. 받은 값의 종류: {type(answer).__name__}.",
            en=f"A function is needed: pass its name without quotes or brackets. Got a {type(answer).__name__}.",
        ))
    runs = [run_case(exercise, answer, case) for case in cases]
    expected = [run_case(exercise, exercise.reference, case, shield=False) for case in cases]
    return compared(exercise, cases, runs, expected)


def compared(exercise: Exercise, cases: list[tuple], runs: list[Run], expected: list[Run]) -> Verdict:
    """What runs of an answer are worth beside the reference's runs of the same cases."""
    findings = [examine(exercise, *pair) for pair in zip(runs, expected, strict=True)]
    passed = sum(finding is None for finding in findings)
    if passed == len(cases):
        return Verdict(exercise, "PASS", passed, passed)
    first = next(index for index, finding in enumerate(findings) if finding is not None)
    found = findings[first]
    return Verdict(
        exercise, found.outcome, passed, len(cases), found.message,
        mistake=None if found.outcome == "TODO" else recognise(exercise, cases, runs),
        call=call_text(exercise, cases[first]),
        expected=found.expected, got=found.got, printed=runs[first].printed,
    )


def draw_cases(exercise: Exercise, seed: int | None = None) -> list[tuple]:
    """The argument tuples of one check; the same seed draws the same cases.

    The last one comes twice, with the same shapes and other numbers: there an answer shows that it keeps something
    from one call to the next.
    """
    generator = torch.Generator().manual_seed(exercise.seed if seed is None else seed)
    return [*exercise.cases(generator), exercise.cases(generator)[-1]]


def _judge_value(exercise: Exercise, answer: object) -> Verdict:
    if _unfilled(answer):
        return Verdict(exercise, "TODO", 0, 1, not_written(exercise))
    if callable(answer):
        return Verdict(exercise, "FAIL", 0, 1, Bilingual(
            ko="함수가 아니라 값을 넘기십시오.", en="Pass a value, not a function.",
        ))
    found = difference(exercise.reference, answer, tolerance=exercise.tolerance, where="answer")
    if found is None:
        return Verdict(exercise, "PASS", 1, 1)
    # The expected value is the answer itself here, so it is never shown.
    message = found.message if found.kind in {"type", "shape", "length", "keys", "nan"} else Bilingual(
        ko="답이 다릅니다. 다시 살펴보십시오.", en="The answer differs. Look again.",
    )
    mistake = next(
        (wrong for wrong in exercise.wrong
         if difference(wrong.answer, answer, tolerance=exercise.tolerance) is None),
        None,
    )
    return Verdict(exercise, "FAIL", 0, 1, message, mistake, got=compact(answer))


def _unfilled(answer: object) -> bool:
    """A value that still holds a gap: None, ``...``, or a container with one inside."""
    if isinstance(answer, Mapping):
        return any(map(_unfilled, answer.values()))
    if isinstance(answer, (list, tuple)):
        return any(map(_unfilled, answer))
    return answer is None or answer is ...


def not_written(exercise: Exercise) -> Bilingual:
    """What is said of an answer that is still a stub."""
    return Bilingual(
        ko=f'답을 아직 쓰지 않았습니다. 위 셀을 채운 뒤 다시 실행하십시오. 힌트: `hint("{exercise.id}")`.',
        en=f'Nothing is written yet. Fill in the cell above and run again. A hint: `hint("{exercise.id}")`.',
    )


def run_case(exercise: Exercise, answer: Callable, case: tuple, shield: bool = True) -> Run:
    """Call an answer on a copy of a case; without ``shield`` an exception is the author's and is raised."""
    given = copy.deepcopy(case)
    printed = io.StringIO()
    try:
        with _own_random_numbers(exercise.seed), _captured(printed), torch.enable_grad():
            value = answer(*given)
            sent_back = gradients(value, given)
            value = kept(value)
    except Exception as problem:
        if not shield:
            raise
        return _failed_run(problem, printed.getvalue())
    except SystemExit as problem:  # exit() in an answer must not end the learner's kernel
        return _failed_run(problem, printed.getvalue())
    if value is ...:
        return Run("todo", None, printed.getvalue())
    altered = not exercise.may_change_inputs and not unchanged(case, given)
    return Run("changed" if altered else "value", value, printed.getvalue(), gradients=sent_back)


@contextlib.contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
    """Fixed global random states inside, the learner's own ones afterwards."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators as well
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


@contextlib.contextmanager
def _captured(printed: io.StringIO) -> Iterator[None]:
    """Keep an answer's prints and warnings out of the notebook's stored output."""
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _failed_run(problem: BaseException, printed: str) -> Run:
    frames = list(traceback.walk_tb(problem.__traceback__))
    own = [(frame.f_code, line) for frame, line in frames if not _is_library(frame.f_code.co_filename)]
    innermost = frames[-1][0].f_code
    # torch raises NotImplementedError too; only a stub names it in the very code that raises it.
    if (
        isinstance(problem, NotImplementedError)
        and "NotImplementedError" in innermost.co_names
        and (own and own[-1][0] is innermost)
    ):
        return Run("todo", None, printed)
    if isinstance(problem, RecursionError):
        message = Bilingual(
            ko="재귀가 끝나지 않습니다: 함수가 자기 자신을 멈추는 조건 없이 부릅니다.",
            en="The recursion never ends: the function calls itself without a condition that stops it.",
        )
        return Run("error", None, printed, message, RecursionError)
    said = " ".join(f"{type(problem).__name__}: {problem}".split()).rstrip(": ")
    if len(said) > 300:
        said = said[:300].rstrip() + " …"
    said = said.replace("`", "'")
    if isinstance(problem, TypeError) and not own:
        message = Bilingual(
            ko=f"함수를 부를 수 없습니다. 인자의 수와 순서를 확인하십시오. `{said}`",
            en=f"The function cannot be called; look at the number and order of its arguments. `{said}`",
        )
    elif not own:
        message = Bilingual(ko=f"오류: `{said}`", en=f"Error: `{said}`")
    else:
        code, line = own[-1]
        text = linecache.getline(code.co_filename, line).strip().replace("`", "'")
        where_ko = f"{line}번째 줄" + (f" `{text}`" if text else "")
        where_en = f"line {line}" + (f" `{text}`" if text else "")
        message = Bilingual(ko=f"{where_ko}에서 오류: `{said}`", en=f"error in {where_en}: `{said}`")
    return Run("error", None, printed, with_advice(message, str(problem)), type(problem))


def with_advice(message: Bilingual, said: str) -> Bilingual:
    """An error's sentence, and what to do where the advice in PyTorch's own text would lead astray."""
    if "numpy() on Tensor that requires grad" not in said:
        return message
    return Bilingual(
        ko=f"{message.ko} NumPy로 계산하면 그래디언트가 끊기고, `detach`를 하면 오류는 사라져도 학습이 되지 않습니다. "
           "PyTorch 함수로 계산하십시오.",
        en=f"{message.en} NumPy passes no gradient on, and with `detach` the error is gone and so is the learning. "
           "Compute it with PyTorch's functions.",
    )


@functools.cache
def _library_folders() -> tuple[str, ...]:
    folders = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{Path(folder).resolve().as_posix()}/" for folder in (*folders, course_lib.__path__[0]))


@functools.cache
def _is_library(filename: str) -> bool:
    """Whether a frame is not the learner's: Python's, a package's, this course's, or compiled in."""
    if filename.startswith("<") and not filename.startswith("<ipython"):
        return filename.startswith("<frozen") or filename.startswith("<__")
    return Path(filename).resolve().as_posix().startswith(_library_folders())


class Finding(NamedTuple):
    """Why a run is not what the reference's is: an outcome, a sentence, and the two values as they are shown."""

    outcome: str  # "FAIL", "ERROR" or "TODO"
    message: Bilingual
    expected: str
    got: str = ""


def examine(exercise: Exercise, run: Run, expected: Run) -> Finding | None:
    """None where a run does what the reference's does, else what is wrong with it."""
    wanted = compact(expected.value)
    if run.kind == "todo":
        return Finding("TODO", not_written(exercise), wanted)
    if run.kind == "error":
        return Finding("ERROR", run.message, wanted)
    try:
        got, found = compact(run.value), _difference(exercise, expected.value, run.value)
    except Exception:  # noqa: BLE001 - an answer may return an object of any kind, a class of its own too
        return Finding("FAIL", _incomparable(run.value), wanted)
    if run.kind == "changed":
        message = Bilingual(
            ko="함수가 받은 인자를 제자리에서 바꾸었습니다(in-place). 복사본에서 계산하거나 새 값을 만드십시오. "
               "`+=`와, `detach_()`처럼 `_`로 끝나는 메서드를 살펴보십시오.",
            en="The function changed its own arguments in place. Work on a copy, or make a new value. "
               "Look for `+=` and for methods that end in `_`, such as `detach_()`.",
        )
        return Finding("FAIL", message, wanted, got)
    if run.value is None and expected.value is not None:
        message = Bilingual(
            ko="함수가 None을 돌려주었습니다. `return`이 빠지지 않았는지 보십시오.",
            en="The function returned None. Look for a missing `return`.",
        )
        if run.printed.strip():
            message = Bilingual(
                ko="결과를 출력(print)만 하고 돌려주지 않았습니다. `print` 대신 `return`을 쓰십시오.",
                en="The result is printed, not returned. Use `return` instead of `print`.",
            )
        return Finding("FAIL", message, wanted, got)
    if found is not None:
        return Finding("FAIL", found.message, wanted, got)
    return _wrong_gradient(exercise, expected, run)


def _incomparable(value: object) -> Bilingual:
    kind = type(value).__name__
    return Bilingual(
        ko=f"돌려준 것({kind})을 기대한 값과 비교할 수 없습니다. 보통의 텐서나 수를 돌려주십시오.",
        en=f"What came back ({kind}) cannot be compared with the expected value. Return plain tensors or numbers.",
    )


def _difference(exercise: Exercise, expected: object, got: object) -> Difference | None:
    return difference(
        expected,
        got,
        tolerance=exercise.tolerance,
        dtype_matters=exercise.dtype_matters,
        indices_matter=exercise.indices_matter,
    )


def _wrong_gradient(exercise: Exercise, expected: Run, run: Run) -> Finding | None:
    """What is wrong where a gradient that the reference sends back is not the same in two runs of equal values."""
    for value, wanted, given in zip(parts_of(expected.value), expected.gradients, run.gradients, strict=True):
        if wanted is None or not (wanted or exercise.gradients_matter):
            continue
        if given is None:
            message = Bilingual(
                ko="숫자는 맞지만 그래디언트를 계산할 수 없습니다. 그래디언트에 필요한 값을 도중에 제자리에서(in-place) "
                   "바꾸지 않았는지, 함수 안에서 `.backward()`를 부르지 않았는지 보십시오.",
                en="The numbers are right, but their gradient cannot be computed. Look for a value that it needs "
                   "and that was changed in place on the way, or for `.backward()` called inside.",
            )
            return Finding("FAIL", message, "")
        for position in range(len(wanted or given)):
            slopes = wanted[position] if wanted else [torch.zeros_like(slope) for slope in given[position]]
            # A slope is a difference of numbers that are each right to within the tolerance.
            found = difference(slopes, given[position] if given else None, tolerance=10 * exercise.tolerance)
            if found is None:
                continue
            name = _argument_names(exercise, len(wanted or given))[position]
            message = Bilingual(
                ko=f"숫자는 맞지만 `{name}`에 흐르는 그래디언트가 다릅니다. 계산 도중에 `detach`나 `.item()`, "
                   "`torch.tensor(…)`로 그래디언트를 끊지 않았는지, 식에 들어가지 않는 자리에도 그래디언트가 흐르지 않는지 보십시오.",
                en=f"The numbers are right, but the gradient into `{name}` is not. Look for a `detach`, `.item()` or "
                   "`torch.tensor(…)` that cuts it off on the way, or for places that have no part in the formula and "
                   "still get a gradient.",
            )
            if found.kind == "nan":
                message = Bilingual(
                    ko=f"숫자는 맞지만 `{name}`에 흐르는 그래디언트가 NaN입니다. 쓰지 않는 자리에서도 0으로 나누거나 0의 로그, "
                       "제곱근을 구하지 않았는지 보십시오.",
                    en=f"The numbers are right, but the gradient into `{name}` is NaN. Look for a division by 0, or a "
                       "logarithm or square root of 0, also at places that are not used in the end.",
                )
            elif not any(bool(slope.any()) for slope in slopes):
                message = Bilingual(
                    ko=f"숫자는 맞지만, 흐르면 안 되는 그래디언트가 `{name}`에 흐릅니다. `detach`가 빠지지 않았는지 보십시오.",
                    en=f"The numbers are right, but a gradient flows into `{name}`, where none may. Look for a missing "
                       "`detach`.",
                )
            # The values are equal here: what differs is shown instead.
            of = f"∂(Σᵢ cos(i)·yᵢ)/∂{name}" if torch.is_tensor(value) and value.numel() > 1 else f"∂/∂{name}"
            both = (slopes, given[position] if given else [torch.zeros_like(slope) for slope in slopes])
            return Finding("FAIL", message, *(
                f"{of} = {compact(part[0] if len(part) == 1 else part)}" for part in both
            ))
    return None


def recognise(exercise: Exercise, cases: list[tuple], runs: list[Run]) -> WrongAnswer | None:
    """The first named wrong answer that does the same as these runs on every case."""
    for wrong in exercise.wrong:
        # A value that cannot be compared with the reference's is no named mistake's either.
        pairs = ((run_case(exercise, wrong.answer, case), run) for case, run in zip(cases, runs, strict=True))
        with contextlib.suppress(Exception):
            if all(_same_run(exercise, theirs, mine) for theirs, mine in pairs):
                return wrong
    return None


def _same_run(exercise: Exercise, one: Run, other: Run) -> bool:
    if one.kind != other.kind or one.error is not other.error:
        return False
    if one.kind == "error":
        return True
    if _difference(exercise, one.value, other.value) is None:
        through = [[part == [] for part in run.gradients] for run in (one, other)]
        return through[0] == through[1] and _wrong_gradient(exercise, one, other) is None
    # A named mistake may give a 0-d tensor where the learner gave a plain number.
    # It then lets no gradient flow, so it is not one that lets too much of it flow.
    leaks = exercise.gradients_matter and getattr(one.value, "requires_grad", False)
    plain = isinstance(other.value, PLAIN_NUMBERS) and not leaks
    return plain and _difference(exercise, other.value, one.value) is None


def call_text(exercise: Exercise, case: tuple) -> str:
    """A case as a learner reads it: the function's name, and each argument on a line of its own."""
    name = exercise.signature.split("(")[0].strip()
    labels = _argument_names(exercise, len(case))
    lines = [
        f"{label} = " + compact(value).replace("\n", "\n    ")
        for label, value in zip(labels, case, strict=True)
    ]
    return f"{name}({', '.join(labels)})\n" + textwrap.indent("\n".join(lines), "  ")


def _argument_names(exercise: Exercise, count: int) -> list[str]:
    try:
        names = list(inspect.signature(exercise.reference).parameters)
    except (TypeError, ValueError):
        names = []
    return names if len(names) == count else [f"argument {index + 1}" for index in range(count)]


def _verdict_card(verdict: Verdict) -> str:
    exercise = verdict.exercise
    symbol, tone = SYMBOLS[verdict.outcome]
    heading = cards.heading(symbol, verdict.line, OUTCOMES[verdict.outcome], tone)
    if verdict.outcome == "PASS":
        return cards.panel(tone, heading, cards.quiet(exercise.title))
    if verdict.outcome == "TODO":
        return cards.panel(tone, heading, cards.words(verdict.message))
    printed = verdict.printed.strip()
    if len(printed) > MOST_PRINTED:
        printed = printed[:MOST_PRINTED].rstrip() + " …"
    show_values = cards.rows(
        (Bilingual(ko="호출", en="call"), verdict.call),
        (Bilingual(ko="기대한 값", en="expected"), verdict.expected),
        (Bilingual(ko="받은 값", en="got"), verdict.got),
        (Bilingual(ko="출력한 글", en="printed"), printed),
    )
    next_step = Bilingual(ko=f'힌트가 필요하면 `hint("{exercise.id}")`', en=f'For a hint: `hint("{exercise.id}")`')
    named = cards.words(verdict.mistake.message) if verdict.mistake else ""
    found = cards.words(verdict.message)
    return cards.panel(tone, heading, named, found, show_values, cards.quiet(next_step))
