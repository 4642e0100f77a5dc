"""The whole way on hostile submissions: each gets its status, and its neighbours theirs.

A few run in every test run; all of them, with what takes minutes, are marked ``corpus`` (`make test-grading`).
"""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import grading_corpus
import psutil
import pytest

from course_lib.grading import grade, sandbox
from course_lib.grading.grade import Row, Settings

pytestmark = pytest.mark.skipif(sandbox.best_tier() != "contained", reason="bubblewrap does not work here")

LIMITS = sandbox.Limits(cell_s=10.0, memory=1024 * sandbox.MEGABYTE)
FEW = (  # one of each kind
    "cells-trap-in-check-cells", "forge-ast-transformer", "forge-never-idle", "take-loop-at-top",
    "take-memory-in-children", "take-memory-kept-at-top", "take-os-exit", "flee-loopback", "file-truncated", "file-fifo",
    "file-many-small-things", "file-stray-conftest",
)  # fmt: skip
RELEASED = grading_corpus.release()
RELEASES = grade.chosen_releases(RELEASED)
SECRET = "hush-hush"


class Graded:
    """A folder of cases, graded."""

    def __init__(self, folder: Path, names: tuple[str, ...] | None, jobs: int = 2) -> None:
        self.outside, self.submissions = folder / "outside", folder / "submissions"
        self.outside.mkdir()
        self.submissions.mkdir()
        (self.outside / "secret").write_text(SECRET, encoding="utf-8")
        self.before = processes()
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            server.settimeout(0.1)
            cases = grading_corpus.corpus(self.outside, server.getsockname()[1])
            self.cases = {case.name: case for case in cases if names is None or case.name in names}
            self.files = {}
            for case in self.cases.values():
                path = grading_corpus.write(case, self.submissions)
                self.files[grade._text(path.relative_to(self.submissions).as_posix())] = case
            settings = Settings(RELEASES, "contained", 11, limits=LIMITS)
            found = grade.find_submissions(self.submissions)
            self.rows = [(row.file, row) for row in grade.grade_all(found, settings, jobs)]
            try:
                self.reached = bool(server.accept())
            except TimeoutError:
                self.reached = False
        self.after = processes()

    def wrong(self) -> list[str]:
        """The cases that did not get what they have to get."""
        rows = dict(self.rows)
        found = []
        for file, case in self.files.items():
            got = statuses(rows[file])
            for exercise, expected in case.expected.items():
                if got.get(exercise) not in (expected if isinstance(expected, set) else {expected}):
                    found.append(f"{case.name} [{exercise}]: {got.get(exercise)} instead of {expected} {rows[file].broken}")
        return found


def statuses(row: Row) -> dict[str, str]:
    return grading_corpus.INVALID if row.invalid else {one.exercise.id: one.status for one in row.graded}


def processes() -> set[int]:
    """Kernels and sandboxes on this machine that belong to this test run."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        found.add(process.pid)
    return found


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return Graded(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    os.environ["COURSE_SECRET"] = "COURSE_SECRET"
    try:
        return Graded(tmp_path_factory.mktemp("every"), None)
    finally:
        del os.environ["COURSE_SECRET"]


def is_as_it_should_be(graded: Graded) -> None:
    assert graded.wrong() == []
    assert Counter(file for file, _ in graded.rows) == Counter(list(graded.files))  # one row a file, always
    assert [path.name for path in graded.outside.iterdir()] == ["secret"]
    assert (graded.outside / "secret").read_text(encoding="utf-8") == SECRET
    assert not graded.reached
    assert graded.after <= graded.before


def test_a_few_of_each_kind(few):
    assert len(few.cases) == len(FEW)
    is_as_it_should_be(few)


@pytest.mark.corpus
def test_every_case_gets_its_status_and_its_neighbours_theirs(every):
    assert len(every.cases) >= 90
    is_as_it_should_be(every)


@pytest.mark.corpus
def test_right_ones_are_never_failed(tmp_path):
    """Zero false FAIL over 20 runs of the right ones, with fresh inputs each time."""
    names = ("cells-solved", "right-loops", "right-float64", "right-numpy")
    cases = {case.name: case for case in grading_corpus.corpus(tmp_path, 9)}
    for name in names:
        grading_corpus.write(cases[name], tmp_path)
    found = grade.find_submissions(tmp_path)
    for seed in range(20):
        settings = Settings(RELEASES, "contained", seed, limits=LIMITS)
        for row in grade.grade_all(found, settings, 2):
            assert statuses(row) == grading_corpus.PASSED, (seed, row)


@pytest.mark.corpus
def test_every_solved_lesson_passes_with_fresh_inputs():
    names = {release.name for release in RELEASES}
    assert len(names) >= 5
    found = [one for one in grade.find_submissions(RELEASED / "solutions") if one[0].stem in names]
    for seed in range(20):
        rows = list(grade.grade_all(found, Settings(RELEASES, "contained", seed, limits=LIMITS), 2))
        assert len(rows) == len(names)
        for row in rows:
            assert not row.invalid and set(statuses(row).values()) == {"PASS"}, (seed, row)


# -- batches --------------------------------------------------------------------------------------------------


def course(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "course_lib.cli", *arguments]


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture
def batch(tmp_path):
    folder = tmp_path / "submissions"
    cases = {case.name: case for case in grading_corpus.corpus(tmp_path / "outside", 9)}
    folder.mkdir()
    for name in ("cells-solved", "plain-constant", "take-os-exit", "file-truncated", "right-loops"):
        grading_corpus.write(cases[name], folder)
    return folder


@pytest.mark.corpus
def test_two_jobs_give_the_same_table_as_one(batch, tmp_path):
    for jobs in ("1", "2"):
        done = subprocess.run(course("grade", str(batch), "--csv", str(tmp_path / f"{jobs}.csv"), "--seed", "3", "--jobs", jobs))
        assert done.returncode == 0
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


@pytest.mark.corpus
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_is_valid_and_goes_on(number, batch, tmp_path):
    table, whole = tmp_path / "g.csv", tmp_path / "whole.csv"
    command = course("grade", str(batch), "--csv", str(table), "--seed", "3", "--jobs", "2")
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (table.exists() and len(rows_of(table)) >= 2):
        time.sleep(0.1)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    kept = rows_of(table)
    assert 2 <= len(kept) < 5
    assert subprocess.run([*command, "--resume"]).returncode == 0
    assert subprocess.run(course("grade", str(batch), "--csv", str(whole), "--seed", "3")).returncode == 0
    assert table.read_bytes() == whole.read_bytes()


@pytest.mark.corpus
def test_resuming_does_anew_only_what_changed(batch, tmp_path):
    table = tmp_path / "g.csv"
    command = course("grade", str(batch), "--csv", str(table), "--jobs", "2", "--resume")
    assert subprocess.run(command).returncode == 0
    before = {row["file"]: row for row in rows_of(table)}
    began = time.monotonic()
    assert subprocess.run(command).returncode == 0  # the seed is taken from the table
    nothing_to_do = time.monotonic() - began
    assert {row["file"]: row for row in rows_of(table)} == before
    solved = (batch / "cells-solved.ipynb").read_bytes()
    (batch / "plain-constant.ipynb").write_bytes(solved)
    began = time.monotonic()
    assert subprocess.run(command).returncode == 0
    assert time.monotonic() - began > nothing_to_do
    after = {row["file"]: row for row in rows_of(table)}
    assert after["plain-constant.ipynb"]["status"] == "PASS" and before["plain-constant.ipynb"]["status"] == "FAIL"
    assert {name for name in after if after[name] != before[name]} == {"plain-constant.ipynb"}


@pytest.mark.corpus
def test_a_dask_cluster_gives_the_same_grades(batch):
    from distributed import LocalCluster

    settings = Settings(RELEASES, "contained", 3, limits=LIMITS)
    found = grade.find_submissions(batch)
    here = {row.file: statuses(row) for row in grade.grade_all(found, settings)}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two:
        there = {row.file: statuses(row) for row in grade.grade_all(found, settings, dask=two.scheduler_address)}
    assert there == here and len(there) == 5


@pytest.mark.corpus
@pytest.mark.parametrize("tier", ["limited", "watchdog"])
def test_the_weaker_tiers_grade_honest_work_alike(tier, tmp_path):
    cases = {case.name: case for case in grading_corpus.corpus(tmp_path / "outside", 9)}
    names = ("cells-solved", "plain-constant", "plain-raising", "take-loop", "take-os-exit", "take-memory-lists")
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in names:
        grading_corpus.write(cases[name], folder)
    settings = Settings(RELEASES, tier, 3, limits=LIMITS)
    before = processes()
    for row in grade.grade_all(grade.find_submissions(folder), settings, 2):
        assert (row.tier, statuses(row)) == (tier, cases[Path(row.file).stem].expected), row
    assert processes() <= before


@pytest.mark.corpus
def test_the_grader_stays_small_and_leaves_nothing(tmp_path):
    cases = {case.name: case for case in grading_corpus.corpus(tmp_path / "outside", 9)}
    folder, scratch = tmp_path / "submissions", tmp_path / "t"
    folder.mkdir()
    scratch.mkdir()
    for name in ("take-huge-print", "take-loop-printing-at-top", "file-many-small-things", "file-50-megabytes"):
        grading_corpus.write(cases[name], folder)
    environment = os.environ | {"TMPDIR": str(scratch)}
    command = course("grade", str(folder), "--jobs", "2", "--seconds", "6")
    process = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, own_memory(process))
        time.sleep(0.05)
    assert process.returncode == 0
    assert most < 500 * sandbox.MEGABYTE, f"{most / sandbox.MEGABYTE:.0f} MB"
    assert list(scratch.iterdir()) == []


def own_memory(process: psutil.Process) -> int:
    """Of the grader and the students' processes, without the kernels in their sandboxes."""
    used = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            line = one.cmdline()
            if not any("bwrap" in word or "ipykernel" in word for word in line):
                memory = one.memory_info()
                used += memory.rss - memory.shared
        except psutil.Error:
            pass
    return used
