"""A JupyterLab of our own and a notebook in a browser, with the few moves that a learner makes."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from playwright.sync_api import Browser, ConsoleMessage, expect

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
SERVER_UP_S = 60
NOTEBOOK_READY_S = 90
CELL_S = 90

# Messages of the browser's console that are not the course's, each with its reason.
NOT_OURS: tuple[tuple[str, str], ...] = ()

PANEL = "window.jupyterapp.shell.currentWidget"


def until(true: Callable[[], object], seconds: float, what: str):
    """Ask again and again; the first true answer, or a failure that says what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


def free_port() -> int:
    """A port of our own: two tests beside each other must not take the same one."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]


class Lab:
    """The course, opened as a learner opens it, on copies of the notebooks in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.course = folder / "course"
        shutil.copytree(
            ROOT / "notebooks", self.course / "notebooks", ignore=shutil.ignore_patterns(".*", "progress.json")
        )
        self.log = folder / "lab.log"
        self.process: subprocess.Popen | None = None
        self.address = ""

    def start(self) -> None:
        """Start the server and wait for the address that it prints."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, str(Path(__file__).with_name("open_lab.py")), str(self.course),
                    "--no-browser", "--expose-app-in-browser", "--port", str(free_port()),
                    # What a test chooses in the page (a dark theme) stays here too.
                    f"--LabApp.user_settings_dir={self.folder / 'settings'}",
                    f"--LabApp.workspaces_dir={self.folder / 'workspaces'}",
                ],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=self.course,
            )  # fmt: skip

        def printed() -> str | None:
            text = self.log.read_text(encoding="utf-8", errors="replace")
            assert self.process.poll() is None, f"JupyterLab ended at once:\n{text}"
            found = re.search(r"http://\S+token=\S+", text)
            return found and found[0]

        self.address = until(printed, SERVER_UP_S, "JupyterLab prints its address")

    def stop(self) -> None:
        """End the server and all that it started."""
        if self.process is None:
            return
        family = self.family()
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for process in family:
            if process.is_running():
                process.kill()

    def family(self) -> list[psutil.Process]:
        """The processes that the server started: its kernels and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def work(self, seconds: float = 2.0) -> float:
        """How many cores the kernels keep busy, measured over a while."""

        def spent() -> dict[int, float]:
            times = {}
            for process in self.family():
                try:
                    times[process.pid] = sum(process.cpu_times()[:2])
                except psutil.NoSuchProcess:
                    continue
            return times

        before, began = spent(), time.monotonic()
        time.sleep(seconds)
        after = spent()
        return sum(after[pid] - before.get(pid, 0.0) for pid in after) / (time.monotonic() - began)

    def at(self, notebook: str, workspace: str, mode: str = "lab") -> str:
        """The address of a notebook, in a workspace of its own, so that no other tab or panel is restored beside it.

        ``mode="doc"`` is Lab's mode of a single document.
        """
        base, token = re.match(r"(http://[^/]+)/\S+token=(\S+)", self.address).groups()
        return f"{base}/{mode}/workspaces/{workspace}/tree/{notebook}?token={token}"

    def shut_down_kernels(self) -> None:
        """What one test leaves behind must not take the next one's time."""
        base, token = re.match(r"(http://[^/]+)/\S+token=(\S+)", self.address).groups()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def ask(path: str, method: str = "GET") -> bytes:
            request = urllib.request.Request(
                f"{base}/api/{path}", method=method, headers={"Authorization": f"token {token}"}
            )
            with direct.open(request, timeout=30) as answer:
                return answer.read()

        for session in json.loads(ask("sessions")):
            ask(f"sessions/{session['id']}", "DELETE")

    def write(self, name: str, *cells: str) -> str:
        """A small notebook with these code cells; its address in Lab."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, self.course / "notebooks" / name)
        return f"notebooks/{name}"


class Open:
    """A notebook, open in a browser tab of its own (its own storage too)."""

    def __init__(self, browser: Browser, address: str, width: int = 1280, height: int = 1000) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("response", self._answered)
        self.page.goto(address)
        self.wait_for_kernel()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(re.search(pattern, message.text) for pattern, _ in NOT_OURS):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _answered(self, response) -> None:
        if response.status >= 500:
            self.complaints.append(f"HTTP {response.status} {response.url}")

    def wait_for_kernel(self) -> None:
        """The idle mark alone is not enough: it shows before the kernel is connected, and a Run All is lost."""
        self.page.wait_for_function(
            f"""() => {{
                const panel = window.jupyterapp && {PANEL};
                const context = panel?.sessionContext, kernel = context?.session?.kernel;
                return panel?.content?.widgets?.length && context.isReady
                    && kernel?.connectionStatus === "connected" && kernel.status === "idle";
            }}""",
            timeout=NOTEBOOK_READY_S * 1000,
        )

    def reload(self) -> None:
        self.page.reload()
        self.wait_for_kernel()

    # ---- cells -----------------------------------------------------------------------------------------

    def index(self, source: str) -> int:
        """The first code cell that holds this text."""
        found = self.page.evaluate(
            f"""text => {PANEL}.content.widgets.findIndex(
                cell => cell.model.type === "code" && cell.model.sharedModel.source.includes(text))""",
            source,
        )
        assert found >= 0, f"no code cell holds {source!r}"
        return found

    def cell(self, source: str):
        """That cell on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.index(source))

    def run(self, source: str, waiting: bool = True):
        """Run the cell that holds this text, by the command of the menu."""
        self.page.evaluate(
            f"""([index, waiting]) => {{
                {PANEL}.content.activeCellIndex = index;
                const ran = window.jupyterapp.commands.execute("notebook:run-cell");
                return waiting ? ran.then(() => null) : null;
            }}""",
            [self.index(source), waiting],
        )
        return self.cell(source)

    def run_all(self) -> None:
        """Begin Run All; ``ran_all`` tells when it is over."""
        self.page.evaluate(
            """() => {
                window.courseTestRan = false;
                window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.courseTestRan = true; });
            }"""
        )

    def ran_all(self) -> bool:
        return self.page.evaluate("() => window.courseTestRan")

    def outputs(self) -> list[dict]:
        """Every output of the notebook, with the source of its cell under "source"."""
        return self.page.evaluate(
            f"""() => {PANEL}.content.widgets.filter(cell => cell.model.type === "code").flatMap(cell =>
                cell.model.outputs.toJSON().map(output => ({{...output, source: cell.model.sharedModel.source}})))"""
        )

    def errors(self) -> list[dict]:
        return [output for output in self.outputs() if output["output_type"] == "error"]

    def selected(self) -> int:
        return self.page.evaluate(f"() => {PANEL}.content.activeCellIndex")

    def command(self, name: str, arguments: dict | None = None) -> None:
        self.page.evaluate(
            "([name, given]) => window.jupyterapp.commands.execute(name, given).then(() => null)",
            [name, arguments or {}],
        )

    # ---- language --------------------------------------------------------------------------------------

    def speak(self, label: str) -> None:
        """Press a button of the first language switch."""
        self.page.locator(".course-lang button", has_text=label).first.click()

    def foreign(self, language: str) -> list[str]:
        """What a reader of this language ("ko" or "en") sees in the other one.

        Headings are shared by both languages, code is the learner's own, and the switch names each language
        in that language, and so does the glossary's first column; everything else that can be seen is looked at.
        """
        return self.page.evaluate(
            """language => {
                const shared = "h1, h2, h3, .jp-InputArea-editor, .course-lang, .jp-InputPrompt, .jp-OutputPrompt";
                const notebook = document.querySelector(".jp-Notebook"), found = [];
                const term = element => {
                    const cell = element.closest("th, td");
                    return cell?.cellIndex === 0 && cell.closest("table").rows[0].cells[0].textContent === "한국어";
                };
                const seen = element => element.checkVisibility({ visibilityProperty: true });
                if (language === "ko") {
                    for (const element of notebook.querySelectorAll("[lang=en]"))
                        if (seen(element) && !element.closest(shared) && element.textContent.trim())
                            found.push(element.textContent.trim().slice(0, 80));
                    return found;
                }
                const texts = document.createTreeWalker(notebook, NodeFilter.SHOW_TEXT);
                while (texts.nextNode()) {
                    const { textContent, parentElement } = texts.currentNode;
                    if (/[가-힣]/.test(textContent) && seen(parentElement) && !parentElement.closest(shared)
                        && !term(parentElement))
                        found.push(textContent.trim().slice(0, 80));
                }
                for (const canvas of notebook.querySelectorAll("canvas[aria-label]"))
                    if (seen(canvas) && /[가-힣]/.test(canvas.ariaLabel)) found.push(canvas.ariaLabel);
                return found;
            }""",
            language,
        )

    def prose(self, language: str) -> int:
        """How many passages of this language can be seen."""
        return self.page.evaluate(
            """language => [...document.querySelectorAll(`.jp-Notebook [lang=${language}]`)]
                .filter(element => element.checkVisibility() && element.textContent.trim()).length""",
            language,
        )

    # ---- looking ---------------------------------------------------------------------------------------

    def shot(self, name: str) -> None:
        """A picture of the window as it is."""
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")

    def pictures(self, name: str, height: int = 1800) -> None:
        """The whole notebook, from top to bottom, in as many pictures as it takes."""
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": size["width"], "height": height})
        scroll = """([part]) => {
            const outer = document.querySelector(".jp-WindowedPanel-outer");
            outer.scrollTop = part * (outer.clientHeight - 60);
            const end = [...document.querySelectorAll(".jp-Notebook .jp-Cell")].at(-1).getBoundingClientRect().bottom;
            return end <= outer.getBoundingClientRect().bottom + 1;
        }"""
        part, last = 0, False
        while not last and part < 40:
            last = self.page.evaluate(scroll, [part])
            self.page.wait_for_timeout(250)
            self.shot(f"{name}-{part + 1:02d}")
            part += 1
        self.page.set_viewport_size(size)

    def close(self) -> None:
        self.context.close()


class Watched:
    """A live view on the page."""

    def __init__(self, cell) -> None:
        self.root = cell.locator(".clv")
        expect(self.root).to_have_count(1)

    @property
    def state(self) -> str:
        return self.root.get_attribute("data-state")

    @property
    def steps(self) -> str:
        """The counter of updates, as it is written."""
        return self.root.locator(".clv-readout b").first.inner_text() if self.has_frame else ""

    @property
    def has_frame(self) -> bool:
        return self.root.locator(".clv-readout b").count() > 0

    def drawing(self) -> str:
        """What the canvases show, as a string that differs when a pixel does."""
        return self.root.evaluate(
            """root => [...root.querySelectorAll("canvas")].filter(canvas => canvas.checkVisibility() && canvas.width)
                .map(canvas => canvas.toDataURL()).join()"""
        )

    def press(self, kind: str) -> None:
        self.root.locator(f"button[data-do={kind}]").click()

    def wait_for(self, state: str, seconds: float = 20) -> None:
        until(lambda: self.state == state, seconds, f"the view is {state} (it is {self.state})")

    def moves(self, seconds: float = 20) -> None:
        """Wait until both the counter and the picture have changed."""
        until(lambda: self.has_frame, seconds, "the first frame")
        steps, drawing = self.steps, self.drawing()
        until(
            lambda: self.steps != steps and self.drawing() != drawing, seconds, "the counter and the canvases change"
        )

    def rests(self, seconds: float = 1.5) -> None:
        """Nothing changes for a while."""
        steps, drawing = self.steps, self.drawing()
        time.sleep(seconds)
        assert (self.steps, self.drawing() == drawing) == (steps, True), "the view changes although nothing should"
