"""One student's process: read the file, merge it, let nbval run it, write down what happened.

``python -m course_lib.grading.runner FOLDER`` with a job in FOLDER. nbval runs here, the kernel in the sandbox.
A run in which the kernel had to be killed is repeated without the exercise at which that happened, so that one
endless loop costs one exercise. What happened is written as data; whether it is right is decided elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import submission
from course_lib.grading.release import Gap, Release, defined, parse, preamble, used
from course_lib.grading.sandbox import MEGABYTE, Limits, out_of_memory

MOST_PROBE = 4 * MEGABYTE  # characters of what a probe writes out
PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
READING_MEMORY = 140 * MEGABYTE  # to take a file apart
RUNNING_MEMORY = 800 * MEGABYTE  # as the system counts it: threads' empty stacks, too
NO_MEMORY = {"type": "MemoryError", "text": ""}  # where a kernel had none left even to say so


@dataclass(frozen=True)
class Job:
    """What the process needs to know; made by the grader, pickled."""

    path: Path
    name: str  # as the student named the file
    releases: list[Release]
    inputs: dict[str, str]  # by exercise: what ``probe`` is given
    only: tuple[str, ...]
    tier: str
    course: Path
    limits: Limits
    watched: bool = True


def main(folder: Path) -> None:
    """Run the job of this folder and write ``result.json`` there."""
    job: Job = pickle.loads((folder / "job").read_bytes())
    _limit_own_memory(READING_MEMORY)
    _adopt_orphans()
    try:
        result = grade(job, folder)
    except submission.Invalid as problem:
        result = {"invalid": problem.reason}
    partial = folder / "result.partial"
    partial.write_text(json.dumps(result), encoding="utf-8")
    os.replace(partial, folder / "result.json")


def _limit_own_memory(amount: int) -> None:
    """However a file is made, and whatever a kernel prints, this process stays small."""
    try:
        import resource
    except ImportError:
        return
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_DATA, (amount, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _adopt_orphans() -> None:
    """On Linux a process whose parent has ended becomes a child of this one, and is found and ended with it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def grade(job: Job, folder: Path) -> dict:
    """What happened in each exercise: ``{"lesson": name, "exercises": {id: …}}``.

    Raises:
        submission.Invalid: the file is no submission.
    """
    cells = submission.read_cells(submission.read_bytes(job.path))
    release = submission.which_release(cells, job.releases, job.name)
    answers = {answer.exercise: answer for answer in submission.answers(cells, release)}
    happened = {answer.exercise: {"state": "todo"} for answer in answers.values() if answer.untouched}
    _limit_own_memory(RUNNING_MEMORY)
    asked = [gap for gap in release.gaps if not job.only or gap.exercise in job.only]
    happened = {gap.exercise: happened[gap.exercise] for gap in asked if gap.exercise in happened}
    left_out: set[str] = set()
    doubted: set[str] = set()
    began, failed = time.monotonic(), 0
    while pending := [gap for gap in asked if gap.exercise not in happened]:
        merged = [gap for gap in release.gaps if gap.exercise not in left_out]
        folder_of_run = folder / f"run{len(left_out)}-{len(doubted)}-{failed}"
        ran = _run(job, folder_of_run, release, merged, answers, {gap.exercise for gap in pending})
        if ran.failed:
            failed += 1
            if failed == 2:
                return {"lesson": release.name, "broken": ran.failed}
            continue
        happened |= {exercise: seen for exercise, seen in ran.seen.items() if exercise not in happened}
        lost = ran.killed_at
        if lost is None or lost in happened:
            left_out |= {lost} - {None}  # judged already, and this time it got in the way
            continue
        before = _independent(merged, lost, answers)
        if before - left_out and lost not in doubted and ran.reason != "time":
            # A thread or a hook of an earlier answer may have done it: once more, without those.
            doubted.add(lost)
            left_out |= before
        else:
            left_out.add(lost)
            happened[lost] = {"state": "killed", "reason": ran.reason}
    return {"lesson": release.name, "exercises": happened, "seconds": round(time.monotonic() - began, 2)}


def _independent(merged: list[Gap], lost: str, answers: dict) -> set[str]:
    """The exercises before this one of which neither it nor those after it use a name."""
    at = next(place for place, gap in enumerate(merged) if gap.exercise == lost)
    later = [source for gap in merged[at:] for source in answers[gap.exercise].sources]
    needed = set().union(*(used(source) - set(defined(parse(source).body)) for source in later))
    return {gap.exercise for gap in merged[:at] if not any(needed & set(cell.names) for cell in gap.cells)}


@dataclass(frozen=True)
class Ran:
    """One run of nbval: what was seen in each exercise, and where the kernel was lost or spoilt, if it was."""

    seen: dict[str, dict]
    killed_at: str | None = None
    reason: str = ""
    failed: str = ""  # the release's own cell, or nbval itself, did not work


def _run(
    job: Job, folder: Path, release: Release, merged: list[Gap], answers: dict, pending: set[str]
) -> Ran:
    """Merge, and let nbval run the notebook in a kernel of its own."""
    from course_lib.grading.watched import run_notebook

    sources = [source for gap in merged for source in answers[gap.exercise].sources]
    cells = [(None, "preamble", preamble(release, sources))]
    for gap in merged:
        cells += [(gap.exercise, "answer", source) for source in answers[gap.exercise].sources]
        if gap.exercise in pending:
            cells.append((gap.exercise, "probe", _probe(gap, job.inputs[gap.exercise])))
    folder.mkdir()
    notebook = folder / "merged.ipynb"
    notebook.write_text(_notebook([source for _, _, source in cells]), encoding="utf-8")
    records, reason = run_notebook(notebook, job)
    if len(records) != len(cells):
        return Ran({}, failed=f"{len(records)} items of {len(cells)}: {reason}")
    if reason and not records[0].ended or not records[0].passed:
        return Ran({}, failed=f"preamble: {reason} {records[0].error}")
    seen: dict[str, dict] = {}
    first_error: dict[str, dict] = {}
    for (exercise, kind, _), record in zip(cells, records, strict=True):
        if not record.ended:  # the kernel was lost in this cell
            if exercise is None:
                return Ran({}, failed=f"preamble: {reason}")
            return Ran(seen, exercise, reason or "died")
        if kind == "answer" and (record.error or record.full):
            first_error.setdefault(exercise, record.error or NO_MEMORY)
        if kind == "probe":
            seen[exercise] = {
                "state": "ran",
                "passed": record.passed,
                "xfail": record.xfail,
                "written": record.written[:2],
                "error": record.error or (NO_MEMORY if record.full else {}),
                "answer_error": first_error.get(exercise),
            }
            if out_of_memory(first_error.get(exercise) or seen[exercise]["error"]):
                # What it took it may keep, and then whatever comes next in this kernel fails as well.
                return Ran(seen, exercise)
    return Ran(seen)  # if the kernel was lost after the last cell, it was too late to matter


def _probe(gap: Gap, inputs: str) -> str:
    call = f"probe({gap.exercise!r}, lambda: ({gap.expression}), {inputs!r})"
    return f"import course_lib.grading.probe\ncourse_lib.grading.probe.{call}"


def _notebook(sources: list[str]) -> str:
    cells = [
        {
            "cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": source, "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
