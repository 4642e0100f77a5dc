"""Grading files: one process a submission, one row a file, always."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.bilingual import Bilingual, CourseError
from course_lib.grading import sandbox, submission
from course_lib.grading.release import Release, read_releases
from course_lib.grading.runner import Job
from course_lib.grading.sandbox import Limits
from course_lib.grading.verdict import Graded, fresh_cases, status_of
from course_lib.lesson import exercise as engine

GRACE_S = 60.0  # beyond what the cells may take: starting, reading, ending
MOST_RESULT = 64 * 2**20  # bytes of what a runner wrote down


@dataclass(frozen=True)
class Settings:
    """How to grade; the same settings give the same grades."""

    releases: tuple[Release, ...]  # the lessons that are graded
    tier: str
    seed: int
    only: tuple[str, ...] = ()  # exercises; () for all
    limits: Limits = field(default_factory=Limits)
    watched: bool = True


@dataclass(frozen=True)
class Row:
    """One file's grade."""

    file: str
    student: str
    tier: str
    lesson: str = ""  # "01_end_to_end", or "" where it can't be told
    graded: tuple[Graded, ...] = ()
    invalid: str = ""  # a key of report.INVALID
    broken: str = ""  # the grader itself failed, which is not the submission's fault
    seconds: float = 0.0
    sha256: str = ""


class Grader:
    """What all submissions have in common. A context: it owns a folder of temporary files, and processes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.releases = list(settings.releases)
        exercises = [gap.exercise for release in self.releases for gap in release.gaps]
        self.inputs = {exercise: fresh_cases(exercise, settings.seed).inputs for exercise in exercises}
        self.stopped = False
        self.processes: set[subprocess.Popen] = set()
        self.judging = threading.Lock()  # judging redirects the whole process's prints
        self.folder = Path(tempfile.mkdtemp(prefix="cg-"))  # short: a socket's path has room for 100 letters
        self.course = sandbox.write_course(self.folder / "c", [engine.find(name).solution for name in exercises])

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *problem) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """End what is running; what would be graded from now on is not."""
        self.stopped = True
        for process in list(self.processes):
            _end(process)

    def grade(self, content: bytes, file: str, student: str) -> Row:
        """One file's row, whatever is inside."""
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix="j"))
        try:
            result = self._result(content, Path(file).name, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        known = dict(file=file, student=student, tier=self.settings.tier, lesson=str(result.get("lesson", "")))
        known |= dict(seconds=round(time.monotonic() - began, 1), sha256=hashlib.sha256(content).hexdigest())
        if "invalid" in result:
            return Row(**known, invalid=str(result["invalid"]))
        if "broken" in result:
            return Row(**known, broken=str(result["broken"])[:500])
        happened = result["exercises"]
        release = next(release for release in self.releases if release.name == known["lesson"])
        with self.judging:
            graded = tuple(
                status_of(engine.find(gap.exercise), happened[gap.exercise], self.settings.seed)
                for gap in release.gaps
                if gap.exercise in happened
            )
        return Row(**known, graded=graded)

    def _result(self, content: bytes, name: str, folder: Path) -> dict:
        """What the runner wrote down about this content."""
        settings = self.settings
        (folder / "submission").write_bytes(content)
        job = Job(
            folder / "submission", name, self.releases, self.inputs, settings.only, settings.tier, self.course,
            settings.limits, settings.watched,
        )  # fmt: skip
        (folder / "job").write_bytes(pickle.dumps(job))
        most = max(len(release.gaps) for release in self.releases)
        patience = (most + 2) * (settings.limits.cell_s * 2 + GRACE_S)
        command = [sys.executable, "-m", "course_lib.grading.runner", str(folder)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OPENBLAS_NUM_THREADS": "1"}
        with open(folder / "said", "wb") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, cwd=folder,
                start_new_session=os.name == "posix",
            )  # fmt: skip
            self.processes.add(process)
            try:
                if self.stopped:
                    return {"broken": "stopped"}
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                return {"broken": f"no end after {patience:.0f} s"}
            finally:
                _end(process)
                self.processes.discard(process)
        try:
            if (folder / "result.json").stat().st_size > MOST_RESULT:
                return {"broken": "an enormous result"}
            return json.loads((folder / "result.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            words = (folder / "said").read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
            return {"broken": words[-1] if words else f"the process ended with {process.returncode}"}


def _end(process: subprocess.Popen) -> None:
    """End a runner and all it started."""
    import psutil

    if process.poll() is not None:
        return
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    process.kill()
    process.wait()


def chosen_releases(notebooks: Path, lesson: str = "", only: Iterable[str] = ()) -> tuple[Release, ...]:
    """The lessons of a release that are graded: all, this one, or those with these exercises.

    Raises:
        CourseError: there is no such lesson or exercise.
    """
    known, only = read_releases(notebooks), set(only)
    chosen = [one for one in known if not lesson or lesson.lstrip("0") == one.lesson or lesson == one.name]
    exercises = {gap.exercise for release in chosen for gap in release.gaps}
    if not chosen or not exercises >= only:
        names = ", ".join(f"{release.name[:2]} ({', '.join(g.exercise for g in release.gaps)})" for release in known)
        raise CourseError(Bilingual(
            f"그런 강의나 연습이 없습니다. 채점할 수 있는 것: {names}.",
            f"There is no such lesson or exercise. These can be graded: {names}.",
        ))  # fmt: skip
    return tuple(one for one in chosen if not only or any(gap.exercise in only for gap in one.gaps))


def release_digest(settings: Settings) -> str:
    """Names what a grade depends on besides the submission: the release, the exercises, the limits."""
    parts = [repr(settings.limits), *settings.only]
    for release in settings.releases:  # without its sets, whose order is another in each process
        parts += [release.name, repr(release.gaps), repr(release.others), *(one.source for one in release.given)]
    for folder in engine.course_lib.__path__:
        for file in sorted(Path(folder, "lesson", "exercises").glob("*.py")):
            parts.append(file.read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def fresh_seed() -> int:
    """A grading seed that nobody could know beforehand."""
    return secrets.randbelow(10**9)


# -- which files ----------------------------------------------------------------------------------------------


def find_submissions(path: Path) -> list[tuple[Path, str, str]]:
    """Every notebook in a folder and the folders in it: its path, the file as a row names it, and the student.

    Links are not followed. The student is the folder that holds the files, or what a file's name says besides
    the lesson.

    Raises:
        CourseError: there is nothing of this name, or nothing in it.
    """
    if path.is_dir() and not path.is_symlink():
        found = sorted(_notebooks(path))
    else:
        found = [path] if os.path.lexists(path) else []
    if not found:
        raise CourseError(Bilingual(
            f"'{_text(path)}'에 노트북(.ipynb)이 없습니다.", f"There is no notebook (.ipynb) at '{_text(path)}'.",
        ))  # fmt: skip
    folder = path if path.is_dir() and not path.is_symlink() else path.parent
    return [(one, _text(one.relative_to(folder).as_posix()), _student(folder, one)) for one in found]


def _notebooks(folder: Path) -> Iterator[Path]:
    for inside, folders, names in os.walk(folder, followlinks=False):
        as_files = [name for name in folders if name.lower().endswith(".ipynb")]  # a folder of this name is a row
        folders[:] = [name for name in folders if name not in as_files and name != ".ipynb_checkpoints"]
        yield from (Path(inside, name) for name in [*names, *as_files] if name.lower().endswith(".ipynb"))


def _student(folder: Path, path: Path) -> str:
    inside = path.relative_to(folder).parts
    if len(inside) > 1:
        return _text(inside[0])
    rest = re.sub(r"(?<!\d)\d\d_[a-z]+(_[a-z]+)*(?![A-Za-z0-9])", "", path.stem).strip("-_ .")
    return _text(rest or path.stem)


def _text(name: object) -> str:
    """A file's name as text: composed, for Macs take letters apart; what is no Unicode becomes a question mark."""
    return unicodedata.normalize("NFC", str(name).encode("utf-8", "replace").decode("utf-8"))


# -- many -----------------------------------------------------------------------------------------------------

_grader: Grader | None = None
_making = threading.Lock()


def _grade_one(settings: Settings, content: bytes, file: str, student: str) -> Row:
    """What a worker of joblib does; one on another machine makes a grader of its own first."""
    global _grader
    with _making:
        if _grader is None or _grader.settings != settings:
            import atexit

            _grader = Grader(settings)
            atexit.register(_grader.__exit__)
    return _grader.grade(content, file, student)


def grade_all(
    wanted: Iterable[tuple[Path, str, str]], settings: Settings, jobs: int = 1, dask: str | None = None
) -> Iterator[Row]:
    """Grade files side by side, here or on a Dask cluster, and yield each row when it is there."""
    global _grader
    from joblib import Parallel, delayed

    from course_lib.results import cluster

    readable, rows = [], []
    for path, file, student in wanted:
        try:
            submission.check_kind(path)
            readable.append((path, file, student))
        except submission.Invalid as problem:
            rows.append(Row(file, student, settings.tier, invalid=problem.reason))
    yield from rows
    if not readable:
        return

    def tasks():
        for path, file, student in readable:
            try:
                content = submission.read_bytes(path)
            except submission.Invalid:  # it was there a moment ago
                content = b""
            yield delayed(_grade_one)(settings, content, file, student)

    with Grader(settings) as grader, _ended_by_ctrl_c(grader), cluster(dask):
        _grader = grader
        try:
            if jobs == 1 and not dask:
                for function, arguments, options in tasks():
                    yield function(*arguments, **options)
            else:
                # Threads, for each only waits for its student's process: PyTorch is in memory once.
                parallel = Parallel(n_jobs=-1 if dask else jobs, prefer="threads", return_as="generator_unordered")
                for row in parallel(tasks()):
                    if row.broken != "stopped":
                        yield row
        finally:
            _grader = None


@contextlib.contextmanager
def _ended_by_ctrl_c(grader: Grader) -> Iterator[None]:
    """Ctrl-C first ends what is running: threads that wait for it would be waited for."""
    before = {}

    def end(number, frame):
        grader.stop()
        raise KeyboardInterrupt

    with contextlib.suppress(ValueError):  # not in the main thread: somebody else's signals
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
