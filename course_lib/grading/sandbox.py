"""Where a stranger's code runs: what it can see, and how much it may use.

Three tiers, found by trying:

contained   bubblewrap (Linux): no network, no file but Python's own and the course's, none of the grader's
            processes; what it started dies with it. The solutions are not in there.
limited     the operating system's limits and a watchdog. It sees the files and the network that you see.
watchdog    the watchdog alone, where there are no such limits.
"""

from __future__ import annotations

import ast
import compileall
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import course_lib

TIERS = ("contained", "limited", "watchdog")
MEGABYTE = 2**20
EMPTIED = "this function is the exercise itself: write it in the answer cell"


@dataclass(frozen=True)
class Limits:
    """How much one submission may use."""

    cell_s: float = 20.0  # one cell, from its start to its end
    memory: int = 2048 * MEGABYTE  # all its processes together
    processes: int = 64  # threads not counted
    output: int = 8 * MEGABYTE  # everything it prints
    files: int = 64 * MEGABYTE  # everything it writes
    start_s: float = 90.0  # until the kernel answers


def best_tier() -> str:
    """The strongest tier that works here; bubblewrap is tried, for it may be there and not be allowed."""
    if _bubblewrap_works():
        return "contained"
    try:
        import resource  # noqa: F401
    except ImportError:
        return "watchdog"
    return "limited"


@functools.cache
def _bubblewrap_works() -> bool:
    if not shutil.which("bwrap"):
        return False
    command = [*_bubblewrap(Path("/nonexistent"), Path("/nonexistent")), "--", sys.executable, "-S", "-c", "print(6*7)"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout == b"42\n"


def kernel_command(tier: str, course: Path, sockets: Path) -> list[str]:
    """The command of the kernelspec; ``{connection_file}`` is filled in by Jupyter."""
    python = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    if tier != "contained":
        return python
    return [*_bubblewrap(course, sockets), "--", *python]


def kernel_environment(course: Path, home: Path) -> dict[str, str]:
    """All of the kernel's environment: nothing of the instructor's gets in."""
    folders = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PATH": os.pathsep.join(folders),
        "PYTHONPATH": str(course),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "COURSE_PROGRESS": "off",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LANG": "C.UTF-8",
    }


def _bubblewrap(course: Path, sockets: Path) -> list[str]:
    """bubblewrap with a root of its own: Python, the course without its solutions, three small empty folders."""
    command = [
        shutil.which("bwrap"), "--unsetenv", "JPY_PARENT_PID", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534",
        "--hostname", "classroom", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--ro-bind", "/usr", "/usr",
    ]  # fmt: skip
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        folder = Path("/", name)
        if folder.is_symlink():
            command += ["--symlink", os.readlink(folder), str(folder)]
        else:
            command += ["--ro-bind-try", str(folder), str(folder)]
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/var/cache/fontconfig"):
        command += ["--ro-bind-try", path, path]
    for folder in _python_folders():
        command += ["--ro-bind", str(folder), str(folder)]
    for folder in _installed_course(_python_folders()):
        command += ["--tmpfs", str(folder), "--remount-ro", str(folder)]
    command += ["--proc", "/proc", "--dev", "/dev"]
    small = ["--size", str(64 * MEGABYTE), "--tmpfs"]
    command += [*small, "/dev/shm", "--remount-ro", "/dev", *small, "/tmp"]
    command += ["--ro-bind-try", str(course), str(course), "--bind-try", str(sockets), str(sockets)]
    return [*command, "--chdir", "/tmp", "--remount-ro", "/"]


def _python_folders() -> list[Path]:
    """The folders outside /usr that this Python is made of."""
    found: list[Path] = []
    for name in (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.realpath(sys.executable).rsplit("/bin/", 1)[0]):
        folder = Path(name)
        if folder not in found and not folder.is_relative_to("/usr") and folder != Path("/"):
            found.append(folder)
    return found


def _installed_course(folders: Iterable[Path]) -> list[Path]:
    """The course itself, solutions included, where it was installed among Python's packages."""
    package = Path(course_lib.__file__).resolve().parent
    return [package] if any(package.is_relative_to(folder) for folder in [*folders, Path("/usr")]) else []


# -- the course without its solutions -------------------------------------------------------------------------


def write_course(target: Path, solutions: Iterable[object]) -> Path:
    """A copy of the library for the kernel, without the exercises, the references and the solved functions.

    A function of the library that is the solution of an exercise is emptied: an answer that only calls it
    would be graded on somebody else's work. Returns ``target``, the folder to put on Python's path.
    """
    source = Path(course_lib.__file__).resolve().parent
    package = target / "course_lib"
    hidden = {"__pycache__", "exercises", "authoring", "grading", "setup", "cli.py"}
    shutil.copytree(source, package, ignore=lambda folder, names: hidden & set(names))
    (package / "grading").mkdir()
    for name in ("__init__.py", "wire.py", "probe.py"):
        shutil.copy(source / "grading" / name, package / "grading" / name)
    for solution in solutions:
        module, name = getattr(solution, "__module__", ""), getattr(solution, "__name__", "")
        path = package.joinpath(*module.split(".")[1:]).with_suffix(".py")
        if module.startswith("course_lib.") and path.is_file():
            path.write_text(_emptied(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    compileall.compile_dir(package, quiet=2, workers=1)
    return target


def _emptied(source: str, function: str) -> str:
    """A module's source in which a function of this name does nothing but say so."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            first, last = node.body[0].lineno, node.body[-1].end_lineno
            indent = " " * node.body[0].col_offset
            lines[first - 1 : last] = [f'{indent}raise RuntimeError("{EMPTIED}")\n', *["\n"] * (last - first)]
    return "".join(lines)


def use_limits(limits: Limits) -> None:
    """The operating system's limits, for this process and those it starts; the watchdog sees to the rest."""
    import resource

    def lower(kind: int, amount: int) -> None:
        _, hard = resource.getrlimit(kind)
        amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (amount, amount))

    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, limits.files)
    if sys.platform.startswith("linux"):  # elsewhere it counts other things, or none
        lower(resource.RLIMIT_DATA, limits.memory)
    lower(resource.RLIMIT_NOFILE, 1024)


def out_of_memory(problem: dict) -> bool:
    """Whether an exception's ``{"type", "text"}`` says so: Python by its kind, PyTorch by the name of its allocator."""
    text = str(problem.get("text", ""))
    return problem.get("type") == "MemoryError" or problem.get("type") == "RuntimeError" and "alloc_cpu" in text
