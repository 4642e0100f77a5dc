"""What an exercise is worth: decided from an item's own outcome and the numbers that came out, nothing else."""

from __future__ import annotations

import base64
import builtins
import functools
import hashlib
import json
import pickle
from typing import NamedTuple

import cloudpickle
import torch

from course_lib.bilingual import Bilingual
from course_lib.grading import wire
from course_lib.grading.sandbox import out_of_memory
from course_lib.lesson import exercise as engine
from course_lib.lesson import exercises
from course_lib.lesson.exercise import Exercise, Run, Verdict

DRAWS = 2  # times that an exercise's cases are drawn
MOST_WRITTEN = 4_000_000  # characters from one probe
STATUSES = ("PASS", "FAIL", "ERROR", "TIMEOUT", "MEMORY", "CRASH", "INVALID", "TODO")

KILLED = {
    "time": ("TIMEOUT", Bilingual(
        "제한 시간 안에 끝나지 않았습니다. 끝나지 않는 반복이 없는지 보십시오.",
        "It did not end within the time limit. Look for a loop that never ends.",
    )),
    "memory": ("MEMORY", Bilingual(
        "메모리를 한도보다 많이 썼습니다.", "It used more memory than it may.",
    )),
    "processes": ("MEMORY", Bilingual(
        "프로세스를 너무 많이 만들었습니다.", "It started too many processes.",
    )),
    "files": ("MEMORY", Bilingual(
        "파일을 너무 많이 썼습니다.", "It wrote too much into files.",
    )),
    "output": ("MEMORY", Bilingual(
        "출력이 너무 많습니다.", "It printed too much.",
    )),
    "died": ("CRASH", Bilingual(
        "커널이 죽었습니다. 프로그램을 끝내는 코드(`exit`)나 잘못된 메모리 접근이 없는지 보십시오.",
        "The kernel died. Look for code that ends the program (`exit`) or reaches into memory.",
    )),
}  # fmt: skip
NOT_DEFINED = Bilingual(
    "`{name}`이(가) 정의되지 않았습니다. 채점은 답 셀만 가져갑니다. 필요한 것은 모두 답 셀 안에 쓰십시오.",
    "`{name}` is not defined. Only answer cells are taken for grading: write all that is needed into them.",
)
UNREADABLE = Bilingual("답이 돌려준 것을 읽을 수 없습니다.", "What the answer returned can't be read.")
FORGED = Bilingual(
    "답 셀이 채점용 출력을 흉내 냈습니다.", "The answer cell imitates the grader's own output.",
)  # fmt: skip
NOTHING_CAME = Bilingual(
    "답을 확인하는 셀이 끝까지 돌지 못했습니다.", "The cell that tries the answer did not run to its end.",
)  # fmt: skip


class Graded(NamedTuple):
    """One exercise of one submission: its status, and the engine's verdict where the answer was run."""

    exercise: Exercise
    status: str
    message: Bilingual | None = None
    verdict: Verdict | None = None


class Cases(NamedTuple):
    """Fresh cases of one exercise: what the kernel gets, and what it never sees."""

    cases: list[tuple]
    inputs: str  # what ``probe`` is given
    digests: list[str]
    expected: list[Run]


@functools.cache
def fresh_cases(exercise_id: str, seed: int) -> Cases:
    """The cases that a grading seed gives, with their expected values."""
    exercise = engine.find(exercise_id)
    if exercise.cases is None:
        return Cases([], "", [], [])
    cases = [case for draw in range(DRAWS) for case in engine.draw_cases(exercise, _case_seed(exercise_id, seed, draw))]
    written = [(exercise.seed, _pickled(case)) for case in cases]
    expected = [engine.run_case(exercise, exercise.reference, case, shield=False) for case in cases]
    digests = [wire.digest(pickle.loads(arguments)) for _, arguments in written]
    return Cases(cases, base64.b64encode(pickle.dumps(written)).decode(), digests, expected)


def _case_seed(exercise_id: str, seed: int, draw: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {exercise_id} {draw}".encode()).digest()[:7])


def _pickled(case: tuple) -> bytes:
    """Arguments as a kernel can read them that does not have the exercises: what is theirs goes along by value."""
    return cloudpickle.dumps(case)


cloudpickle.register_pickle_by_value(exercises)


def status_of(exercise: Exercise, happened: dict, seed: int) -> Graded:
    """The status of an exercise, from what the runner wrote down about it."""
    if happened["state"] == "todo":
        return Graded(exercise, "TODO", engine.not_written(exercise))
    if happened["state"] == "killed":
        status, message = KILLED.get(happened["reason"], KILLED["died"])
        return Graded(exercise, status, message)
    written = happened["written"]
    # PASS needs all of this: the item itself passed, was not expected to fail, and wrote out one answer.
    if not happened["passed"] or happened["xfail"] or not written:
        return _failed_item(exercise, happened)
    if len(written) != 1:
        return Graded(exercise, "FAIL", FORGED)
    try:
        if len(written[0]) > MOST_WRITTEN:
            raise wire.Unreadable("too long")
        found = json.loads(written[0])
        if not isinstance(found, dict) or found.get("exercise") != exercise.id:
            return Graded(exercise, "FAIL", FORGED)
        return _judged(exercise, found, happened, seed)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Graded(exercise, "FAIL", UNREADABLE)


def _failed_item(exercise: Exercise, happened: dict) -> Graded:
    problem = happened["answer_error"] or happened["error"] or {}
    if out_of_memory(problem):
        return Graded(exercise, *KILLED["memory"])
    return Graded(exercise, "ERROR", _sentence(problem) if problem else NOTHING_CAME)


def _sentence(problem: dict) -> Bilingual:
    """An exception, in both languages; its own text is the learner's and is shown as code."""
    said = " ".join(f"{problem.get('type', '')}: {problem.get('text', '')}".split()).strip(": ").replace("`", "'")[:300]
    if "line" in problem:
        line, source = int(problem["line"]), str(problem.get("source", ""))[:200].replace("`", "'")
        return Bilingual(f"{line}번째 줄 `{source}`에서 오류: `{said}`", f"error in line {line} `{source}`: `{said}`")
    return Bilingual(f"오류: `{said}`", f"Error: `{said}`")


def _judged(exercise: Exercise, found: dict, happened: dict, seed: int) -> Graded:
    if "missing" in found:
        if happened["answer_error"]:
            return _failed_item(exercise, happened)
        name = exercise.signature.split("(")[0].split("=")[0].strip()
        return Graded(exercise, "ERROR", NOT_DEFINED.format(name=name))
    if exercise.cases is None:
        if found.get("callable"):
            return _from_engine(engine.judge(exercise, print))
        value = wire.decode(found["value"], wire.dataclasses_in(exercise.reference))
        return _from_engine(engine.judge(exercise, value))
    if found.get("empty"):
        return _from_engine(engine.judge(exercise, None))
    if "not_callable" in found:
        return _from_engine(engine.judge(exercise, wire.Foreign(str(found["not_callable"])[:100])))
    fresh = fresh_cases(exercise.id, seed)
    if len(found["runs"]) != len(fresh.cases):
        return Graded(exercise, "FAIL", UNREADABLE)
    runs = [
        _run_from(exercise, written, digest, expected)
        for written, digest, expected in zip(found["runs"], fresh.digests, fresh.expected, strict=True)
    ]
    if any(out_of_memory(written.get("error", {})) for written in found["runs"]):
        return Graded(exercise, *KILLED["memory"])
    with torch.no_grad():
        return _from_engine(engine.compared(exercise, fresh.cases, runs, fresh.expected))


def _run_from(exercise: Exercise, written: dict, digest: str, expected: Run) -> Run:
    """A run as the engine knows it, from what the probe wrote."""
    printed = str(written.get("printed", ""))[: engine.MOST_PRINTED]
    if "error" in written:
        problem = written["error"]
        if problem.get("unwritten") is True:
            return Run("todo", None, printed)
        kind = getattr(builtins, str(problem.get("type")), Exception)
        kind = kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception
        message = _sentence(problem)
        if kind is NameError:
            message = Bilingual(
                f"{message.ko} 채점은 답 셀만 가져갑니다. 필요한 것은 모두 답 셀 안에 쓰십시오.",
                f"{message.en} Only answer cells are taken for grading: write all that is needed into them.",
            )
        return Run("error", None, printed, engine.with_advice(message, str(problem.get("text"))), kind)
    value = wire.decode(written["value"], wire.dataclasses_in(expected.value))
    if value is ...:
        return Run("todo", None, printed)
    changed = not exercise.may_change_inputs and written["inputs"] != digest
    return Run("changed" if changed else "value", value, printed, gradients=wire.decode(written["gradients"]))


def _from_engine(verdict: Verdict) -> Graded:
    said = verdict.mistake.message if verdict.mistake else verdict.message
    return Graded(verdict.exercise, verdict.outcome, said, verdict)
