"""Hostile, broken and odd submissions of lesson 01, each with what it has to get.

``python tests/grading_corpus.py FOLDER`` writes them all into FOLDER, to look at or to grade by hand.

Most are the solved notebook with one cell replaced: exercise 1.3, the third of four, so that what comes before
and what comes after has to be unharmed.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import sys
import tempfile
import textwrap
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_lib.authoring import build

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


@functools.cache
def release() -> Path:
    """A folder with the notebooks as their sources make them: in notebooks/ somebody may have worked."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    atexit.register(shutil.rmtree, folder)
    for lesson in build.read_lessons(NOTEBOOKS):
        build.write_whole(folder / f"{lesson.name}.ipynb", build.exercise_notebook(lesson))
        build.write_whole(folder / "solutions" / f"{lesson.name}.ipynb", build.solution_notebook(lesson))
    return folder


LESSON = "01_end_to_end"
ANSWERS = {"1.1": "rl2_input", "1.2": "returns_to_go", "1.3": "information_gained", "1.4": "mended_carry"}

RIGHT = """\
import math
def information_gained(possible):
    return math.log(possible.shape[-1]) - possible.sum(dim=-1).float().log().mean()
"""
WRONG = """\
def information_gained(possible):
    return possible.float().mean()
"""
INVALID = dict.fromkeys(ANSWERS, "INVALID")
PASSED = dict.fromkeys(ANSWERS, "PASS")


@dataclass(frozen=True)
class Case:
    """One submission: what has to be the status of each exercise, and how its file is made."""

    name: str
    expected: dict[str, str | set[str]]
    write: Callable[[Path], None]
    file: str = ""  # where it is not NAME.ipynb


def notebook(solved: bool = True) -> dict:
    path = release() / ("solutions" if solved else ".") / f"{LESSON}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def answer_cell(content: dict, exercise: str) -> dict:
    name = f"def {ANSWERS[exercise]}("
    return next(cell for cell in content["cells"] if cell["cell_type"] == "code" and name in source(cell))


def check_cell(content: dict, exercise: str) -> dict:
    call = f'check("{exercise}"'
    return next(cell for cell in content["cells"] if cell["cell_type"] == "code" and call in source(cell))


def save(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


# -- code in an answer cell -----------------------------------------------------------------------------------


def corpus(outside: Path, port: int) -> list[Case]:
    """All cases. ``outside`` is a folder that must stay as it is, ``port`` one that must not be reached."""
    cases: list[Case] = []

    def answer(name: str, status: str | set[str], code: str, exercise: str = "1.3") -> None:
        """The solved notebook with this code as one exercise's answer."""
        text = textwrap.dedent(code).strip("\n") + "\n"
        text = text.replace("RIGHT\n", RIGHT).replace("WRONG\n", WRONG)
        text = text.replace("OUTSIDE", str(outside)).replace("PORT", str(port)).replace("NOTEBOOKS", str(NOTEBOOKS))

        def write(path: Path) -> None:
            content = notebook()
            answer_cell(content, exercise)["source"] = text
            save(content, path)

        cases.append(Case(name, PASSED | {exercise: status}, write))

    def inside(body: str) -> str:
        """A function that first does this, then answers right."""
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        right = "    return math.log(possible.shape[-1]) - possible.sum(dim=-1).float().log().mean()"
        return f"import math\ndef information_gained(possible):\n{lines}\n{right}\n"

    # Forged checks.
    answer("forge-check-redefined", "FAIL", "WRONG\ndef check(*a, **k): print('[1.3] PASS 6/6')")
    answer("forge-judge-patched", "FAIL", """
        WRONG
        try:
            import course_lib.lesson.exercise as engine
            engine.judge = engine._judge_value = engine._examine = lambda *a, **k: None
        except ImportError:
            pass
        """)
    answer("forge-difference-patched", "FAIL", """
        WRONG
        import course_lib.lesson.compare as compare
        compare.difference = lambda *a, **k: None
        """)
    answer("forge-probe-silenced", "ERROR", """
        RIGHT
        import course_lib.grading.probe as p
        whole = p.probe
        p.probe = lambda name, *a: print("[1.3] PASS 10/10") if name == "1.3" else whole(name, *a)
        """)
    answer("forge-probe-twice", "FAIL", """
        RIGHT
        import course_lib.grading.probe as p
        whole = p.probe
        p.probe = lambda name, *a: [whole(name, *a) for _ in range(2 if name == "1.3" else 1)] and None
        """)
    answer("forge-probe-writes-zeros", "FAIL", """
        WRONG
        import json
        import course_lib.grading.probe as p
        from IPython.display import display
        whole = p.probe
        def zeros(name, answer, inputs):
            if name != "1.3":
                return whole(name, answer, inputs)
            runs = [{"value": {"float": "0x0.0p+0"}, "inputs": "", "printed": ""}] * 10
            display({p.MIME: json.dumps({"exercise": "1.3", "runs": runs})}, raw=True)
        p.probe = zeros
        """)
    answer("forge-probe-writes-status", "FAIL", """
        WRONG
        import json
        import course_lib.grading.probe as p
        from IPython.display import display
        whole = p.probe
        def status(name, answer, inputs):
            if name != "1.3":
                return whole(name, answer, inputs)
            display({p.MIME: json.dumps({"exercise": "1.3", "status": "PASS", "passed": 10, "state": "todo"})}, raw=True)
        p.probe = status
        """)
    answer("forge-probe-writes-no-json", "FAIL", """
        WRONG
        import course_lib.grading.probe as p
        from IPython.display import display
        whole = p.probe
        p.probe = lambda name, *a: display({p.MIME: "[" * 100000}, raw=True) if name == "1.3" else whole(name, *a)
        """)
    answer("forge-other-exercise", "FAIL", """
        WRONG
        import course_lib.grading.probe as p
        whole = p.probe
        p.probe = lambda name, *a: whole("1.1" if name == "1.3" else name, *a)
        """)
    answer("forge-display-in-answer-cell", "FAIL", """
        WRONG
        import json
        from IPython.display import display
        run = {"value": {"float": "0x1.0p+0"}, "inputs": "", "printed": ""}
        display({"application/vnd.course.probe": json.dumps({"exercise": "1.3", "runs": [run] * 10})}, raw=True)
        """)
    answer("forge-encode-patched", "FAIL", """
        WRONG
        from course_lib.grading import wire
        encode = wire.encode
        wire.encode = lambda value, depth=0: {"float": "nan"} if isinstance(value, float) else encode(value, depth)
        """)
    answer("forge-easy-inputs", "FAIL", """
        import math, pickle, torch
        import course_lib.grading.probe as p
        class Easy:
            @staticmethod
            def loads(data):
                value = pickle.loads(data)
                easy = isinstance(value, tuple) and len(value) == 1
                return (torch.ones(1, 2, dtype=torch.bool),) if easy else value
        p.pickle = Easy
        def information_gained(possible):
            return torch.tensor(0.0)
        """)
    answer("forge-traceback-silenced", "ERROR", """
        def information_gained(possible):
            raise ValueError("nobody sees this")
        get_ipython().showtraceback = lambda *a, **k: None
        get_ipython()._showtraceback = lambda *a, **k: None
        """)
    answer("forge-custom-exception-handler", "ERROR", """
        def information_gained(possible):
            raise ValueError("nobody sees this")
        get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)
        """)
    answer("forge-ast-transformer", "ERROR", """
        WRONG
        import ast
        class Empty(ast.NodeTransformer):
            def visit_Module(self, node):
                if "1.3" in ast.unparse(node):
                    node.body = ast.parse("print('[1.3] PASS 6/6')").body
                return node
        get_ipython().ast_transformers.append(Empty())
        """)
    answer("forge-input-transformer", "ERROR", """
        WRONG
        def nothing(lines):
            return ["print('[1.3] PASS 6/6')\\n"] if any('1.3' in line for line in lines) else lines
        get_ipython().input_transformers_cleanup.append(nothing)
        """)
    answer("forge-run-cell-replaced", {"ERROR", "FAIL"}, """
        WRONG
        shell = get_ipython()
        def instead(whole):
            def run(code, *a, **k):
                return whole("print('PASS')" if "'1.3'" in code else code, *a, **k)
            return run
        shell.run_cell = instead(shell.run_cell)
        shell.run_cell_async = instead(shell.run_cell_async)
        shell.kernel.do_execute = instead(shell.kernel.do_execute)
        """)
    answer("forge-always-equal", "FAIL", """
        class Sly:
            shape, ndim, dtype = (), 0, None
            def __eq__(self, other): return True
            def __sub__(self, other): return 0.0
            def __rsub__(self, other): return 0.0
            def __abs__(self): return 0.0
            def __le__(self, other): return True
            def __float__(self): return 0.0
        def information_gained(possible):
            return Sly()
        """)
    answer("forge-always-equal-float", "FAIL", """
        class Sly(float):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __rsub__(self, other): return 0.0
            __hash__ = float.__hash__
        def information_gained(possible):
            return Sly(1.0)
        """)
    answer("forge-tensor-subclass", {"FAIL", "ERROR"}, """
        import torch
        class Sly(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True
        def information_gained(possible):
            return torch.zeros(()).as_subclass(Sly)
        """)
    answer("forge-pickled-class", "FAIL", """
        class Bomb:
            def __reduce__(self): return (exec, ("open('OUTSIDE/bomb', 'w')",))
        def information_gained(possible):
            return Bomb()
        """)
    answer("forge-numpy-patched", "FAIL", """
        WRONG
        import numpy
        numpy.allclose = numpy.isclose = numpy.array_equal = lambda *a, **k: True
        """)
    answer("forge-torch-patched", "FAIL", """
        WRONG
        import torch
        torch.allclose = torch.isclose = torch.equal = lambda *a, **k: True
        """)
    answer("forge-builtins-patched", "FAIL", """
        WRONG
        import builtins
        keep = builtins.abs
        builtins.abs = lambda value: 0
        """)
    answer("forge-search-memory", "FAIL", """
        import gc, torch
        def information_gained(possible):
            for thing in gc.get_objects():
                if isinstance(thing, dict) and "expected" in thing:
                    return thing["expected"]
            return torch.tensor(0.0)
        """)
    answer("forge-import-solution", "ERROR", "from course_lib.lesson.exercises.lesson01 import information_gained")
    answer("forge-import-reference", "ERROR", """
        import course_lib.lesson.exercise as engine
        def information_gained(possible):
            return engine.find("1.3").reference(possible)
        """)
    answer("forge-call-library-solution", "ERROR", """
        from course_lib.agents.rl2 import carry_hidden_state
        def mended_carry(hidden, new_episode, new_trial):
            return carry_hidden_state(hidden, new_episode, new_trial)
        """, exercise="1.4")
    answer("forge-read-solved-notebook", "ERROR", """
        import json
        cells = json.load(open("NOTEBOOKS/solutions/01_end_to_end.ipynb"))["cells"]
        exec(next("".join(c["source"]) for c in cells if "def information_gained" in "".join(c["source"])))
        """)
    answer("forge-read-exercise-module", "ERROR", """
        import pathlib
        import course_lib
        text = pathlib.Path(course_lib.__file__).with_name("lesson").joinpath("exercises", "lesson01.py").read_text()
        exec(text)
        """)
    answer("forge-find-installed-course", "ERROR", """
        import pathlib, sys
        found = [p for root in sys.path for p in pathlib.Path(root).glob("course_lib/lesson/exercises/*")]
        exec(found[0].read_text())
        """)
    answer("forge-nbval-skip", "FAIL", "# NBVAL_SKIP\nWRONG\n")
    answer("forge-nbval-skip-on-a-right-one", "PASS", "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\nRIGHT\n")
    answer("forge-nbval-raises", "ERROR", "# NBVAL_RAISES_EXCEPTION\ndef information_gained(possible):\n    1 / 0\n")
    answer("forge-thread-prints", "FAIL", """
        WRONG
        import threading, time
        def chatter():
            while True:
                print("[1.3] PASS 6/6")
                time.sleep(0.05)
        threading.Thread(target=chatter, daemon=True).start()
        """)
    answer("forge-exit-hook-prints", "FAIL", """
        WRONG
        import atexit
        atexit.register(lambda: print("[1.3] PASS 6/6"))
        """)
    answer("forge-post-run-hook", "FAIL", """
        WRONG
        get_ipython().events.register("post_run_cell", lambda *a: print("[1.3] PASS 6/6"))
        """)
    answer("forge-fake-idle", {"ERROR", "FAIL"}, """
        WRONG
        kernel = get_ipython().kernel
        def information_gained(possible):
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=kernel.get_parent())
            return 0.0
        """)
    answer("forge-fake-message", "FAIL", """
        WRONG
        import json
        kernel = get_ipython().kernel
        def information_gained(possible):
            run = {"value": {"float": "0x0.0p+0"}, "inputs": "", "printed": ""}
            data = {"application/vnd.course.probe": json.dumps({"exercise": "1.3", "runs": [run] * 10})}
            content = {"data": data, "metadata": {}, "transient": {}}
            kernel.session.send(kernel.iopub_socket, "display_data", content, parent=kernel.get_parent())
            return 0.0
        """)
    answer("forge-never-idle", {"MEMORY", "TIMEOUT", "CRASH"}, """
        RIGHT
        kernel = get_ipython().kernel
        kernel._publish_status = lambda *a, **k: None
        kernel._publish_status_and_flush = lambda *a, **k: None
        """)

    # Answers that know nothing, and right ones written differently.
    answer("plain-none", "FAIL", "def information_gained(possible):\n    return None\n")
    answer("plain-constant", "FAIL", "def information_gained(possible):\n    return 1.0\n")
    answer("plain-nan", "FAIL", "def information_gained(possible):\n    return float('nan')\n")
    answer("plain-wrong-shape", "FAIL", inside("").replace("return ", "return 0 * possible[0] + "))
    answer("plain-text", "FAIL", "def information_gained(possible):\n    return 'PASS'\n")
    answer("plain-in-place", "FAIL", """
        import math
        def information_gained(possible):
            value = math.log(possible.shape[-1]) - possible.sum(dim=-1).float().log().mean()
            possible[:] = False
            return value
        """)
    answer("plain-raising", "ERROR", "def information_gained(possible):\n    raise KeyError('x')\n")
    answer("plain-printing", "FAIL", "def information_gained(possible):\n    print(1.0)\n")
    answer("plain-not-a-function", "FAIL", "information_gained = 3\n")
    answer("plain-stub", "TODO", "def information_gained(possible):\n    # mine\n    raise NotImplementedError\n")
    answer("plain-ellipsis", "TODO", "def information_gained(possible):\n    ...\n    return ...\n")
    answer("plain-emptied-cell", "TODO", "")
    answer("plain-syntax-error", "ERROR", "def information_gained(possible:\n    return 1\n")
    answer("plain-other-name", "ERROR", "def information_gain(possible):\n    return 1\n")
    answer("plain-too-few-arguments", "ERROR", "def information_gained():\n    return 1\n")
    answer("plain-named-mistake", "FAIL", """
        import math
        def information_gained(possible):
            return (math.log(possible.shape[-1]) - possible.sum(dim=-1).float().log().mean()) / math.log(2)
        """)
    answer("right-loops", "PASS", """
        import math
        def information_gained(possible):
            logs = [math.log(sum(row)) for row in possible.tolist()]
            return math.log(len(possible[0])) - sum(logs) / len(logs)
        """)
    answer("right-float64", "PASS", """
        import math, torch
        def information_gained(possible):
            return math.log(possible.shape[-1]) - torch.log(possible.double().sum(1)).mean().item()
        """)
    answer("right-numpy", "PASS", """
        import numpy as np
        def information_gained(possible):
            return np.log(possible.shape[1]) - np.log(possible.numpy().sum(axis=1)).mean()
        """)
    answer("right-and-chatty", "PASS", inside("print('x' * 1000)"))
    answer("right-and-huge-print-inside", "PASS", inside("print('x' * 50_000_000)"))
    answer("right-and-warns", "PASS", inside("import warnings; warnings.warn('careful')"))
    answer("right-then-error-below", "PASS", "RIGHT\nassert information_gained(1) == 2")
    answer("right-then-check-call", "PASS", 'RIGHT\ncheck("1.3", information_gained)\nhint("1.3")')
    answer("right-then-system-exit", "PASS", "RIGHT\nraise SystemExit(0)")
    answer("right-uses-global-random", "PASS", inside("import torch; torch.manual_seed(0); torch.rand(3)"))

    # Resources.
    answer("take-loop", "TIMEOUT", inside("while True: pass"))
    answer("take-loop-at-top", "TIMEOUT", "RIGHT\nwhile True: pass")
    answer("take-loop-printing", "TIMEOUT", inside("while True: print('x')"))
    answer("take-loop-printing-at-top", {"MEMORY", "TIMEOUT"}, "RIGHT\nwhile True: print('x' * 1000)")
    answer("take-loop-swallowing-interrupts", "TIMEOUT", """
        RIGHT
        import time
        while True:
            try:
                while True: time.sleep(0.1)
            except BaseException:
                pass
        """)
    answer("take-swallow-one-interrupt-then-right", "TIMEOUT", """
        import time
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            pass
        RIGHT
        """)
    answer("take-loop-ignoring-signals", "TIMEOUT", """
        RIGHT
        import signal, time
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(1000)
        """)
    answer("take-sleep", "TIMEOUT", inside("import time; time.sleep(10**6)"))
    answer("take-regular-expression", "TIMEOUT", inside("import re; re.match('(a+)+$', 'a' * 60 + 'b')"))
    answer("take-enormous-power", {"TIMEOUT", "MEMORY"}, inside("x = 10 ** 10 ** 9"))
    answer("take-deadlock", "TIMEOUT", inside("import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"))
    answer("take-memory-lists", "MEMORY", inside("x = []\nwhile True: x.append(bytearray(10**7))"))
    answer("take-memory-lists-at-top", "MEMORY", "x = []\nwhile True: x.append(bytearray(10**7))\nRIGHT\n")
    answer("take-memory-kept-at-top", "MEMORY", "x = []\nwhile True: x.append(bytearray(10**5))\nRIGHT\n")  # to the last
    answer("take-memory-at-top", "MEMORY", "x = bytearray(10**11)\nRIGHT\n")
    answer("take-memory-torch", "MEMORY", inside("import torch; x = torch.ones(10**11)"))
    answer("take-memory-in-children", "MEMORY", """
        import os, time
        for _ in range(12):
            if os.fork() == 0:
                x = bytearray(b"x" * (200 * 2**20))
                time.sleep(1000)
                os._exit(0)
        time.sleep(1000)
        """)
    answer("take-forks", "MEMORY", "RIGHT\nimport os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n")
    answer("take-orphans", {"MEMORY", "TIMEOUT"}, """
        RIGHT
        import os, time
        for _ in range(200):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(1000)
                os._exit(0)
        time.sleep(1000)
        """)
    answer("take-threads", {"ERROR", "MEMORY", "PASS"}, inside("""
        import threading, time
        for _ in range(20000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        """))
    answer("take-huge-print", "MEMORY", "RIGHT\nprint('x' * 30_000_000)")
    answer("take-huge-return", "FAIL", "def information_gained(possible):\n    return [0.0] * 3_000_000\n")
    answer("take-huge-file", "ERROR", inside("open('/tmp/x', 'wb').write(bytes(200_000_000))"))
    answer("take-huge-file-shm", "ERROR", inside("open('/dev/shm/x', 'wb').write(bytes(200_000_000))"))
    answer("take-files-beside-the-sockets", {"ERROR", "MEMORY"}, inside("""
        import glob, json, os
        from ipykernel.connect import get_connection_file
        folder = os.path.dirname(get_connection_file())
        for n in range(100):
            with open(f"{folder}/{n}", "wb") as file:
                for _ in range(30): file.write(bytes(1_000_000))
        """))
    answer("take-open-files", "ERROR", inside("x = [open('/dev/null') for _ in range(10**5)]"))
    answer("take-exit", "FAIL", "def information_gained(possible):\n    exit()\n")
    answer("take-quit-at-top", "PASS", "RIGHT\nquit()")
    answer("take-thread-exits-later", {"PASS", "CRASH"}, """
        RIGHT
        import os, threading
        threading.Timer(0.2, lambda: os._exit(0)).start()
        """)
    answer("take-sys-exit", "ERROR", inside("import sys; sys.exit(0)"))
    answer("take-os-exit", "CRASH", inside("import os; os._exit(0)"))
    answer("take-os-exit-at-top", "CRASH", "RIGHT\nimport os\nos._exit(0)")
    answer("take-segfault", "CRASH", inside("import ctypes; ctypes.string_at(0)"))
    answer("take-abort", "CRASH", inside("import os; os.abort()"))
    answer("take-kill-itself", "CRASH", inside("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    answer("take-recursion", "ERROR", "def information_gained(possible):\n    return information_gained(possible)\n")
    answer("take-endless-recursion", {"CRASH", "MEMORY", "TIMEOUT", "ERROR"}, """
        import sys
        sys.setrecursionlimit(2**31 - 1)
        class Deep:
            def __getattr__(self, name): return getattr(self, name + "x")
        def information_gained(possible):
            return Deep().x
        """)

    # Escape.
    answer("flee-kill-parent", "PASS", inside("""
        import os, signal
        for pid in (os.getppid(), 1):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        """))
    answer("flee-kill-all", {"PASS", "CRASH"}, inside("""
        import os, signal
        try: os.kill(-1, signal.SIGTERM)
        except OSError: pass
        """))
    answer("flee-write-outside", "PASS", inside("""
        try: open("OUTSIDE/written", "w")
        except OSError: pass
        """))
    answer("flee-remove-outside", "PASS", inside("import shutil; shutil.rmtree('OUTSIDE', ignore_errors=True)"))
    answer("flee-read-outside", "ERROR", inside("open('OUTSIDE/secret').read()"))
    answer("flee-read-passwords", "ERROR", inside("open('/etc/shadow').read()"))
    answer("flee-read-home", "ERROR", inside("import os; os.listdir(os.path.expanduser('~root'))"))
    answer("flee-environment", "PASS", inside("""
        import glob, os
        seen = " ".join(open(p, errors="replace").read() for p in glob.glob("/proc/[0-9]*/environ") if os.access(p, os.R_OK))
        assert "COURSE_SECRET" not in seen + str(dict(os.environ)), "the environment leaks"
        """))
    answer("flee-see-processes", "PASS", inside("""
        import os
        assert sum(name.isdigit() for name in os.listdir("/proc")) < 8, "others' processes are visible"
        """))
    answer("flee-loopback", "PASS", inside("""
        import socket
        try: socket.create_connection(("127.0.0.1", PORT), timeout=1)
        except OSError: pass
        else: raise AssertionError("the network is reachable")
        """))
    answer("flee-network", "ERROR", inside("import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=2)"))
    answer("flee-abstract-sockets", "PASS", inside("""
        assert "@" not in open("/proc/net/unix").read(), "the host's sockets are visible"
        """))
    answer("flee-shell-magic", "PASS", "RIGHT\n!rm -rf OUTSIDE\n")
    answer("flee-cell-magic", "ERROR", "%%bash\nrm -rf OUTSIDE; echo '[1.3] PASS 6/6'\n")
    answer("flee-writefile-magic", "ERROR", "%%writefile OUTSIDE/written\n[1.3] PASS\n")
    answer("flee-start-up-files", "PASS", """
        RIGHT
        import pathlib, site, sys
        text = "import os; os._exit(3)"
        places = [pathlib.Path.home() / ".ipython/profile_default/startup", *map(pathlib.Path, site.getsitepackages()), *map(pathlib.Path, sys.path)]
        for place in places:
            for name in ("a.py", "sitecustomize.py", "usercustomize.py", "evil.pth"):
                try:
                    place.mkdir(parents=True, exist_ok=True)
                    (place / name).write_text(text)
                except OSError: pass
        """)
    answer("flee-change-the-course", "ERROR", inside("""
        import course_lib.grading.probe as p
        open(p.__file__, "a").write("# mine")
        """))
    answer("flee-namespaces", "PASS", inside("""
        import ctypes
        assert ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0, "a namespace of its own"
        """))
    answer("flee-mount", "PASS", inside("""
        import ctypes
        assert ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) != 0, "it may mount"
        """))
    answer("flee-capabilities", "PASS", inside("""
        status = open("/proc/self/status").read()
        assert "CapEff:\\t0000000000000000" in status and "NoNewPrivs:\\t1" in status, "it has powers"
        """))
    answer("flee-connection-file", "PASS", """
        RIGHT
        from ipykernel.connect import get_connection_file
        open(get_connection_file(), "w").write("{}")
        """)
    answer("flee-input", "ERROR", inside("input('your password? ')"))
    answer("flee-debugger", {"ERROR", "FAIL"}, inside("import pdb; pdb.set_trace()"))

    cases += _edited_notebooks() + _files(outside)
    return cases


# -- other cells than the answer ------------------------------------------------------------------------------


def _edited_notebooks() -> list[Case]:
    cases = []

    def edited(name: str, expected: dict, change: Callable[[dict], dict | None], solved: bool = True) -> None:
        def write(path: Path) -> None:
            content = notebook(solved)
            save(change(content) or content, path)

        cases.append(Case(name, expected, write))

    def wrong(content: dict) -> dict:
        answer_cell(content, "1.3")["source"] = WRONG
        return content

    failed = PASSED | {"1.3": "FAIL"}

    def forged_outputs(content: dict) -> None:
        for cell in wrong(content)["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "[1.3] PASS 6/6\n"}]
                cell["execution_count"] = 1

    def tags(content: dict) -> None:
        for cell in wrong(content)["cells"]:
            cell["metadata"] = {"tags": ["nbval-skip", "nbval-raises-exception", "raises-exception", "skip-execution"]}

    def without_checks(content: dict) -> None:
        content["cells"] = [cell for cell in content["cells"] if "check(" not in source(cell)]

    def checks_print(content: dict) -> None:
        for exercise in ANSWERS:
            check_cell(content, exercise)["source"] = f"print('[{exercise}] PASS 6/6')"
        wrong(content)

    def right_one_in_check(content: dict) -> None:
        check_cell(content, "1.3")["source"] = RIGHT
        wrong(content)

    def only_in_check(content: dict) -> None:
        answer_cell(content, "1.3")["source"] = answer_cell(notebook(solved=False), "1.3")["source"]
        check_cell(content, "1.3")["source"] = RIGHT

    def trap_in_check(content: dict) -> None:
        for exercise, name in ANSWERS.items():
            check_cell(content, exercise)["source"] = f"def {name}(*a): return None\nwhile True: pass"

    def trap_elsewhere(content: dict) -> None:
        for cell in content["cells"]:
            if cell["cell_type"] == "code" and not any(f"def {name}(" in source(cell) for name in ANSWERS.values()):
                cell["source"] = "import os; os._exit(1)"

    def only_answers(content: dict) -> None:
        content["cells"] = [answer_cell(content, exercise) for exercise in ANSWERS]

    def upside_down(content: dict) -> None:
        content["cells"] = content["cells"][::-1]

    def no_ids(content: dict) -> None:
        for cell in content["cells"]:
            cell.pop("id")
        content["nbformat_minor"] = 4

    def duplicate_ids(content: dict) -> None:
        for cell in content["cells"]:
            cell["id"] = "same"

    def other_ids(content: dict) -> None:
        for number, cell in enumerate(content["cells"]):
            cell["id"] = f"{number:08x}"

    def in_a_new_cell(content: dict) -> None:
        cell = answer_cell(notebook(), "1.3")
        content["cells"].append(cell | {"id": "new-cell"})

    def copied_twice(content: dict) -> None:
        """A first try, then the right one below, as the learner's own kernel would have it."""
        at = content["cells"].index(answer_cell(content, "1.3"))
        content["cells"].insert(at + 1, {**content["cells"][at], "id": "copy"})
        content["cells"][at] = {**content["cells"][at], "source": WRONG}

    def wrong_minor(content: dict) -> None:
        content["nbformat_minor"] = 99

    def strange_metadata(content: dict) -> None:
        content["metadata"] = {"kernelspec": {"name": "../../evil", "argv": ["sh"]}, "language_info": 7}
        content["cells"].append({"cell_type": "raw", "metadata": None, "source": "x"})
        content["cells"].append({"cell_type": "code"} | {"source": ["a = 1\n", "b = 2"], "metadata": [], "outputs": 3})
        content["cells"].append("not a cell")

    edited("cells-forged-outputs", failed, forged_outputs)
    edited("cells-nbval-tags", failed, tags)
    edited("cells-checks-deleted", PASSED, without_checks)
    edited("cells-checks-print-pass", failed, checks_print)
    edited("cells-right-answer-in-check-cell", failed, right_one_in_check)
    edited("cells-answer-only-in-check-cell", PASSED | {"1.3": "TODO"}, only_in_check)
    edited("cells-trap-in-check-cells", PASSED, trap_in_check)
    edited("cells-trap-elsewhere", PASSED, trap_elsewhere)
    edited("cells-only-answers", PASSED, only_answers)
    edited("cells-upside-down", PASSED, upside_down)
    edited("cells-no-ids", PASSED, no_ids)
    edited("cells-duplicate-ids", PASSED, duplicate_ids)
    edited("cells-other-ids", PASSED, other_ids)
    edited("cells-answer-in-a-new-cell", dict.fromkeys(ANSWERS, "TODO") | {"1.3": "PASS"}, in_a_new_cell, solved=False)
    edited("cells-second-try-below", failed, copied_twice)
    edited("cells-wrong-minor-version", PASSED, wrong_minor)
    edited("cells-strange-metadata", PASSED, strange_metadata)
    edited("cells-untouched", dict.fromkeys(ANSWERS, "TODO"), lambda content: None, solved=False)
    edited("cells-solved", PASSED, lambda content: None)
    return cases


# -- files ----------------------------------------------------------------------------------------------------


def _files(outside: Path) -> list[Case]:
    whole = json.dumps(notebook(), ensure_ascii=False)

    def raw(content: bytes) -> Callable[[Path], None]:
        return lambda path: path.write_bytes(content)

    def changed(**parts) -> bytes:
        return json.dumps(notebook() | parts).encode()

    def conftest(path: Path) -> None:
        trap = f"import os, pathlib\npathlib.Path({str(outside / 'conftest')!r}).touch()\nos._exit(0)\n"
        for name in ("conftest.py", "sitecustomize.py", "nbval.py", "torch.py", "pytest.py"):
            (path.parent / name).write_text(trap, encoding="utf-8")
        ini = "[pytest]\naddopts = --nbval-lax --deselect x -p trap --co\n"
        for name in ("pytest.ini", "tox.ini", "setup.cfg"):
            (path.parent / name).write_text(ini.replace("[pytest]", "[tool:pytest]" if "cfg" in name else "[pytest]"))
        path.write_text(whole, encoding="utf-8")

    korean = notebook()
    for cell in korean["cells"]:
        cell["source"] = source(cell)
    in_cp949 = "".join(c for c in json.dumps(korean, ensure_ascii=False) if c.isascii() or "가" <= c <= "힣")
    surrogate = notebook()
    answer_cell(surrogate, "1.3")["source"] = "x = '\ud800'\n" + RIGHT
    long = notebook()
    answer_cell(long, "1.3")["source"] = RIGHT + "#" * 1_000_000
    v3 = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": notebook()["cells"]}]}
    other = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": "a", "metadata": {}, "source": "print(1)", "outputs": [], "execution_count": None}
    ]}  # fmt: skip
    prose = other | {"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# hi"}]}
    large = notebook()
    for cell in large["cells"][:20]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0K" * 100_000}}]
    large["cells"][0]["source"] = "🚌 " + source(large["cells"][0])
    nfc = f"{LESSON}_{unicodedata.normalize('NFC', '홍길동')}.ipynb"
    nfd = f"{LESSON}_{unicodedata.normalize('NFD', '홍길동')}.ipynb"
    return [
        Case("file-truncated", INVALID, raw(whole.encode()[: len(whole) // 2])),
        Case("file-empty", INVALID, raw(b"")),
        Case("file-blank", INVALID, raw(b" \n\t ")),
        Case("file-binary", INVALID, raw(bytes(range(256)) * 100)),
        Case("file-zip", INVALID, raw(b"PK\x03\x04" + bytes(1000))),
        Case("file-version-3", INVALID, raw(json.dumps(v3).encode())),
        Case("file-version-99", INVALID, raw(changed(nbformat=99))),
        Case("file-version-text", INVALID, raw(changed(nbformat="4"))),
        Case("file-cells-a-map", INVALID, raw(changed(cells={"0": notebook()["cells"][0]}))),
        Case("file-cells-numbers", INVALID, raw(changed(cells=[1, 2, 3]))),
        Case("file-source-a-number", INVALID, raw(changed(cells=[{"cell_type": "code", "id": "01-a", "source": 7}]))),
        Case("file-source-a-map", INVALID, raw(changed(cells=[{"cell_type": "code", "id": [1], "source": {}}]))),
        Case("file-a-list", INVALID, raw(b"[1, 2]")),
        Case("file-null", INVALID, raw(b"null")),
        Case("file-nested", INVALID, raw(b"[" * 1_000_000)),
        Case("file-nested-cells", INVALID, raw(b'{"nbformat": 4, "cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
        Case("file-many-small-things", INVALID, raw(b"[" + b"[]," * 3_000_000 + b"[]]")),
        Case("file-long-number", INVALID, raw(b'{"nbformat": ' + b"4" * 100_000 + b"}")),
        Case("file-bom", PASSED, raw(b"\xef\xbb\xbf" + whole.encode())),
        Case("file-cp949", INVALID, raw(in_cp949.encode("cp949"))),
        Case("file-utf-16", INVALID, raw(whole.encode("utf-16"))),
        Case("file-crlf", PASSED, raw(json.dumps(notebook(), indent=1).replace("\n", "\r\n").encode())),
        Case("file-surrogate", INVALID, raw(json.dumps(surrogate).encode())),
        Case("file-endless-answer", INVALID, raw(json.dumps(long).encode())),
        Case("file-50-megabytes", INVALID, raw(b" " * 50_000_000 + whole.encode())),
        Case("file-large-with-pictures", PASSED, raw(json.dumps(large, ensure_ascii=False).encode())),
        Case("file-other-notebook", INVALID, raw(json.dumps(other).encode())),
        Case("file-only-prose", INVALID, raw(json.dumps(prose).encode())),
        Case("file-directory", INVALID, lambda path: path.mkdir()),
        Case("file-fifo", INVALID, lambda path: os.mkfifo(path)),
        Case("file-link", INVALID, lambda path: path.symlink_to(NOTEBOOKS / "solutions" / f"{LESSON}.ipynb")),
        Case("file-link-to-nothing", INVALID, lambda path: path.symlink_to("/nonexistent")),
        Case("file-link-to-itself", INVALID, lambda path: path.symlink_to(path.name)),
        Case("file-link-to-zeros", INVALID, lambda path: path.symlink_to("/dev/zero")),
        Case("file-nfc", PASSED, raw(whole.encode()), file=nfc),
        Case("file-nfd", PASSED, raw(whole.encode()), file=f"other/{nfd}"),
        Case("file-formula-name", PASSED, raw(whole.encode()), file="=HYPERLINK(A1).ipynb"),
        Case("file-terminal-name", PASSED, raw(whole.encode()), file="\x1b[31mred\x1b[0m\u202ebdpyni.ipynb"),
        Case("file-line-break-name", PASSED, raw(whole.encode()), file="two\nlines,\"and\" more.ipynb"),
        Case("file-long-name", PASSED, raw(whole.encode()), file="가" * 80 + ".ipynb"),
        Case("file-option-name", PASSED, raw(whole.encode()), file="--nbval-current-env.ipynb"),
        Case("file-node-id-name", PASSED, raw(whole.encode()), file="a.ipynb::Cell 0.ipynb"),
        Case("file-capitals", PASSED, raw(whole.encode()), file="CAPITALS.IPYNB"),
        Case("file-stray-conftest", PASSED, conftest, file="stray/conftest_beside.ipynb"),
        Case("file-same-student-twice-a", PASSED, raw(whole.encode()), file="kim/01_end_to_end.ipynb"),
        Case("file-same-student-twice-b", PASSED, raw(whole.encode()), file="kim/01_end_to_end (1).ipynb"),
    ]


def write(case: Case, folder: Path) -> Path:
    path = folder / (case.file or f"{case.name}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    case.write(path)
    return path


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    everything = corpus(target / "outside", 9)
    for one in everything:
        write(one, target)
    print(len(everything))
