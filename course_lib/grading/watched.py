"""nbval, with a kernel that is watched.

nbval waits out the whole cell timeout when a kernel dies, keeps every output in memory, obeys comments in a
learner's cell, and after a timeout expects the later cells to fail and exits 0. Here the kernel is started in the
sandbox, looked after by a thread, and each item's own outcome is written down.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

# Two optional checkers of web addresses, by which jsonschema builds 39 grammars when it is imported: more work
# than all the rest of a student's process. A notebook holds no address that needs checking.
sys.modules.setdefault("rfc3987_syntax", None)
sys.modules.setdefault("rfc3986_validator", None)

import nbval.kernel  # noqa: E402
import nbval.plugin  # noqa: E402
import psutil  # noqa: E402
import pytest  # noqa: E402
import zmq  # noqa: E402
from jupyter_client.manager import KernelManager  # noqa: E402

from course_lib.grading.sandbox import Limits, kernel_command, kernel_environment, use_limits  # noqa: E402

MIME = "application/vnd.course.probe"
LOOK_EVERY_S = 0.1
AFTER_TIMEOUT_S = 10.0  # how long after nbval's own timeout the watchdog ends a cell that goes on
MOST_ERROR = 1000
ALL_BUT = 0.9  # of its memory


@dataclass
class Record:
    """One nbval item, in plain words."""

    ended: bool = False  # the kernel was there when the item was over
    passed: bool = False
    xfail: bool = False
    error: dict = field(default_factory=dict)
    written: list[str] = field(default_factory=list)  # what probes wrote out in this cell
    full: bool = False  # nearly all memory was asked for: an error may have gone untold


def run_notebook(notebook: Path, job) -> tuple[list[Record], str]:
    """A record for each code cell, and why the kernel was killed ("" if it was not)."""
    recorder = Recorder()
    watched = Watched(notebook.parent, job)
    arguments = [
        str(notebook), "--nbval-lax", "--nbval-kernel-name", "sandbox", "-p", "no:cacheprovider", "--noconftest",
        "-c", os.devnull, "--rootdir", str(notebook.parent), "-q", "-s", "--color=no", "--tb=no",
        f"--nbval-cell-timeout={job.limits.cell_s}", f"--nbval-kernel-startup-timeout={job.limits.start_s}",
        "-p", "nbval.plugin",
    ]  # fmt: skip
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["JUPYTER_PATH"] = str(watched.kernelspecs)
    nbval.plugin.RunningKernel = watched.start
    # A comment or a tag would decide whether a cell is run at all.
    nbval.plugin.comment_markers.clear()
    nbval.plugin.metadata_tags.clear()
    recorder.kernel = watched
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main(arguments, plugins=[recorder])
    finally:
        watched.stop()
    return recorder.records, watched.reason


class Recorder:
    """Writes down each item's own outcome; pytest's exit code says nothing."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.kernel: Watched | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "call":
            outputs = item.test_outputs or []
            errors = [output for output in outputs if output.output_type == "error"]
            problem = {}
            if errors:
                ename, evalue = (str(errors[-1].get(key, ""))[:MOST_ERROR] for key in ("ename", "evalue"))
                problem = {"type": ename, "text": evalue}
            elif call.excinfo is not None:
                problem = {"type": "", "text": str(call.excinfo.value)[:MOST_ERROR]}
            self.records.append(Record(
                ended=self.kernel.alive(),
                passed=report.passed,
                xfail=hasattr(report, "wasxfail"),
                error=problem,
                written=[text for output in outputs if (text := _written(output))],
                full=self.kernel.full(),
            ))  # fmt: skip
        elif call.when == "setup" and not report.passed:
            self.records.append(Record(error={"type": "", "text": str(call.excinfo and call.excinfo.value)[:MOST_ERROR]}))
        return report


def _written(output) -> str | None:
    text = output.get("data", {}).get(MIME) if output.output_type == "display_data" else None
    return text if isinstance(text, str) else None


class Watched:
    """The kernel in its sandbox, and the thread that ends it when it takes too much."""

    def __init__(self, folder: Path, job) -> None:
        self.limits: Limits = job.limits
        self.job = job
        self.folder = folder
        self.reason = ""
        self.output = 0
        self.most_data = 0  # that one of its processes had asked for during the present cell
        self.cell_began: float | None = None
        self.cells = 0
        self.running: RunningWatched | None = None
        self.over = threading.Event()
        self.sockets, self.home = folder / "s", folder / "home"
        self.sockets.mkdir()
        self.home.mkdir()
        inside = Path("/tmp") if job.tier == "contained" else self.home
        self.environment = kernel_environment(job.course, inside)
        self.kernelspecs = folder / "jupyter"
        spec = self.kernelspecs / "kernels" / "sandbox" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = kernel_command(job.tier, job.course, self.sockets)
        spec.write_text(json.dumps({"argv": argv, "display_name": "sandbox", "language": "python"}), encoding="utf-8")

    def start(self, kernel_name: str, cwd: str, startup_timeout: float) -> RunningWatched:
        """Takes the place of nbval's RunningKernel."""
        del cwd
        self.running = RunningWatched(self, kernel_name, startup_timeout)
        if self.job.watched:
            threading.Thread(target=self._watch, daemon=True).start()
        return self.running

    def cell_s(self) -> float:
        """How long the present cell may take; the first one is the release's, and loads PyTorch."""
        return self.limits.start_s if self.cells == 1 else self.limits.cell_s

    def alive(self) -> bool:
        return not self.reason and self.running is not None and self.running.is_alive()

    def begin_cell(self) -> None:
        self.cells += 1
        self.most_data = 0
        self._memory_of(self._processes())  # what earlier cells hold; a kernel may die before the next look
        self.cell_began = time.monotonic()

    def full(self) -> bool:
        """Whether nearly all memory was asked for during the present cell, or is still held."""
        self._memory_of(self._processes())
        return self.most_data > ALL_BUT * self.limits.memory

    def note(self, reason: str) -> None:
        """Keep the first reason. Python without memory may hang or die: then memory is what it was about."""
        if reason in {"time", "died"} and self.most_data > ALL_BUT * self.limits.memory:
            reason = "memory"
        self.reason = self.reason or reason

    def kill(self, reason: str) -> None:
        """End everything that the kernel started; the first reason is kept."""
        self.note(reason)
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def stop(self) -> None:
        self.over.set()
        for _ in range(5):
            left = self._processes()
            if not left:
                break
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=2)

    def _processes(self) -> list[psutil.Process]:
        """Everything below this process, which adopts the children that ran away from their parents."""
        with contextlib.suppress(psutil.Error):
            return psutil.Process().children(recursive=True)
        return []

    def _watch(self) -> None:
        while not self.over.wait(LOOK_EVERY_S):
            if reason := self._too_much():
                self.kill(reason)
                return

    def _memory_of(self, processes: list[psutil.Process]) -> int:
        """What they use together; what one of them asked for at most is kept."""
        memory = 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                used = process.memory_info()
                memory += used.rss - getattr(used, "shared", 0)  # libraries count for nothing
                self.most_data = max(self.most_data, getattr(used, "data", 0))
        return memory

    def _too_much(self) -> str:
        processes = self._processes()
        if len(processes) > self.limits.processes:
            return "processes"
        if self._memory_of(processes) > self.limits.memory:
            return "memory"
        if _size(self.sockets, self.home) > self.limits.files:
            return "files"
        if self.output > self.limits.output:
            return "output"
        if self.cell_began and time.monotonic() - self.cell_began > self.cell_s() + AFTER_TIMEOUT_S:
            return "time"
        return ""


def _size(*folders: Path) -> int:
    total = 0
    for folder in folders:
        for inside, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    status = os.lstat(os.path.join(inside, name))
                    total += max(getattr(status, "st_blocks", 0) * 512, 4096)
    return total


class RunningWatched(nbval.kernel.RunningKernel):
    """nbval's kernel, started in the sandbox; waiting for it ends when it is dead."""

    def __init__(self, watched: Watched, kernel_name: str, startup_timeout: float) -> None:
        self.watched = watched
        self.context = zmq.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, watched.limits.output)
        self.km = KernelManager(
            kernel_name=kernel_name,
            transport="ipc" if os.name == "posix" else "tcp",
            connection_file=str(watched.sockets / "c.json"),
        )
        if os.name == "posix":
            self.km.ip = str(watched.sockets / "k")
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if os.name == "posix":
            options["start_new_session"] = True
        if watched.job.tier != "watchdog":
            options["preexec_fn"] = functools.partial(use_limits, watched.limits)
        self.km.start_kernel(env=watched.environment, cwd=str(watched.home), **options)
        self.kc = self.km.client(context=self.context)
        self.kc.start_channels()
        self.disconnected = self.kc.iopub_channel.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            self.kc.wait_for_ready(timeout=startup_timeout)
            self._ensure_iopub_up()
        except BaseException:
            watched.kill("start")
            raise

    def execute_cell_input(self, cell_input, allow_stdin=None):
        self.watched.begin_cell()
        return super().execute_cell_input(cell_input, allow_stdin)

    def await_reply(self, msg_id, timeout=None):
        return super().await_reply(msg_id, self.watched.cell_s() if self.watched.cells else timeout)

    def get_message(self, stream, timeout=None):
        """As nbval's, in short waits: a dead kernel is noticed at once, and what is printed is counted."""
        ends = None if timeout is None else time.monotonic() + timeout
        while True:
            if not self.watched.reason and self.disconnected.poll(0):
                self._hung_up()
            left = 0.2 if ends is None else min(0.2, max(0.0, ends - time.monotonic()))
            try:
                message = super().get_message(stream, timeout=left)
            except Empty:
                if not self.is_alive() or self.watched.reason:
                    self.watched.note("died")
                    raise
                if ends is not None and time.monotonic() >= ends:
                    if stream == "iopub" and timeout == 5:  # nbval's wait for output after a cell has ended
                        self.watched.kill("output")
                    raise
                continue
            if stream == "iopub":
                self.watched.output += len(str(message["content"]))
                if self.watched.output > self.watched.limits.output:
                    self.watched.kill("output")
            return message

    def _hung_up(self) -> None:
        """The connection was cut: the kernel has died, or has sent one message too large to be taken."""
        for _ in range(20):
            if not self.is_alive():
                return
            time.sleep(0.05)
        self.watched.kill("output")

    def interrupt(self):
        """nbval interrupts a cell that takes too long; a learner's code could go on all the same."""
        self.watched.kill("time")

    def stop(self):
        self.watched.stop()
        with contextlib.suppress(Exception):
            self.kc.iopub_channel.socket.disable_monitor()
        self.disconnected.close(linger=0)
        self.kc.stop_channels()
        with contextlib.suppress(Exception):
            self.km.shutdown_kernel(now=True)
        self.km.cleanup_resources()
        self.context.destroy(linger=0)
