"""Make ``.venv`` in the checkout and fill it with the pinned list of pyproject.toml.

Run by ``prepare.sh`` with a bare Python: standard library only, and in a syntax that Python 3.6
still reads, so that an old Python gets a sentence and not a SyntaxError.

``.venv/course-setup.json`` says how far it came. It is written before anything else, as unfinished,
and again as finished after the installed packages were imported: an interrupted set-up is never
taken for a good one.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "course-setup.json")
LOG = os.path.join(VENV, "course-setup.log")
SUPPORTED = ((3, 11), (3, 13))  # first and last; a test holds it equal to requires-python
GIGABYTE = 10**9
NEEDED_BYTES = 2 * GIGABYTE  # measured: 1.4 GB with the CPU build of PyTorch, 5.2 GB with CUDA
IMPORTS = "torch, numpy, gymnasium, matplotlib, jupyterlab, ipykernel, ipywidgets, anywidget, course_lib"


class SetupFailed(Exception):
    """What went wrong and how to mend it, one sentence in each language."""

    def __init__(self, korean, english):
        super().__init__(korean + "\n" + english)


# --- what is wanted, and what is there ---------------------------------------------------------------


def wanted_list():
    """The parts of pyproject.toml that decide what pip installs, as text to compare."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)
    setuptools = project.get("tool", {}).get("setuptools", {})
    return json.dumps([project["build-system"], project["project"], setuptools], sort_keys=True)


def read_stamp():
    """How far an earlier set-up came; empty where there was none, or none that can be read."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
        return stamp if isinstance(stamp, dict) else {}
    except (OSError, ValueError):
        return {}


def write_stamp(**entries):
    temporary = STAMP + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(entries, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, STAMP)


def venv_version():
    """Version of the Python in .venv as (major, minor), None where it does not run."""
    command = [VENV_PYTHON, "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        return tuple(map(int, subprocess.check_output(command, stderr=subprocess.DEVNULL).split()))
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def extras_of(stamp):
    """The extras of pyproject.toml that an earlier set-up installed; "core" stands for none."""
    return set(stamp.get("extra", "core").split(",")) - {"core"}


def is_ready(stamp, extra):
    """Whether a finished set-up holds what ``extra`` needs, in this place, by today's list."""
    return (
        stamp.get("finished") is True
        and stamp.get("place") == VENV  # a moved checkout leaves scripts that point to the old place
        and stamp.get("list") == wanted_list()
        and (extra == "core" or extra in extras_of(stamp))
    )


# --- what can go wrong ------------------------------------------------------------------------------


def explain(output, free_bytes=None):
    """The cause of a failed installation, read from what pip printed.

    Returns None where the cause is not known.
    """

    def printed(*signs):
        return any(sign.lower() in output.lower() for sign in signs)

    if printed("No space left on device", "Errno 28", "Disk quota exceeded", "not enough space on the disk"):
        free = "" if free_bytes is None else f" ({free_bytes / GIGABYTE:.1f} GB)"
        return SetupFailed(
            f"디스크에 남은 공간이 부족합니다{free}. 공간을 비운 뒤 같은 명령을 다시 실행해 주십시오.",
            f"The disk is full{free}; free some space, then run the same command again.",
        )
    if printed("CERTIFICATE_VERIFY_FAILED", "SSLError", "SSL: "):
        return SetupFailed(
            "보안 연결의 인증서를 확인하지 못해 내려받을 수 없습니다. 회사나 학교의 프록시를 쓰신다면"
            " PIP_CERT로 인증서를 알려 주십시오.",
            "Nothing was downloaded because a certificate could not be verified; behind a company's or"
            " school's proxy, name its certificate with PIP_CERT.",
        )
    if printed(
        "NewConnectionError", "NameResolutionError", "Temporary failure in name resolution",
        "Name or service not known", "nodename nor servname", "getaddrinfo failed", "Network is unreachable",
        "No route to host", "Connection refused", "ConnectTimeout", "ReadTimeoutError", "Read timed out",
        "ProxyError", "Connection aborted", "ConnectionResetError", "IncompleteRead",
        # It is the first thing fetched and fits every machine: some page answered, but not the index.
        "No matching distribution found for setuptools",
    ):  # fmt: skip
        return SetupFailed(
            "네트워크에 연결할 수 없어 패키지를 내려받지 못했습니다. 연결(또는 프록시)을 확인한 뒤"
            " 같은 명령을 다시 실행해 주십시오.",
            "The packages could not be downloaded because the network did not answer; check the connection"
            " (or the proxy), then run the same command again.",
        )
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        import platform

        machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        return SetupFailed(
            f"{missing.group(1)}의 배포판 가운데 이 컴퓨터({machine})에 맞는 것이 없습니다."
            " 다른 Python(3.11~3.13)이나 다른 컴퓨터에서 실행해 주십시오.",
            f"There is no build of {missing.group(1)} for this machine ({machine});"
            " use another Python (3.11 to 3.13) or another machine.",
        )
    if printed("Permission denied", "Read-only file system", "Errno 13"):
        return SetupFailed(
            f"{ROOT}에 쓸 수 없습니다. 쓸 수 있는 폴더에 과정을 다시 받아 주십시오.",
            f"{ROOT} cannot be written to; put the course into a folder of your own.",
        )
    return None


def check_python():
    here = sys.version_info[:2]
    if SUPPORTED[0] <= here <= SUPPORTED[1]:
        return
    name = f"Python {here[0]}.{here[1]}"
    if here < SUPPORTED[0]:
        raise SetupFailed(
            f"{name}은(는) 너무 오래되었습니다. Python 3.11, 3.12, 3.13 가운데 하나로 실행해 주십시오.",
            f"{name} is too old; run this with Python 3.11, 3.12 or 3.13.",
        )
    raise SetupFailed(
        f"{name}은(는) 아직 지원하지 않습니다. Python 3.11, 3.12, 3.13 가운데 하나로 실행해 주십시오.",
        f"{name} is too new for the pinned packages; run this with Python 3.11, 3.12 or 3.13.",
    )


# --- doing it ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone():
    """Let a second set-up of the same checkout wait for the first."""
    try:
        import fcntl
    except ImportError:  # not on Windows, whose users come through conda
        yield
        return
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("다른 창의 설치가 끝나기를 기다립니다. / Waiting for the set-up in another window.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield


@contextlib.contextmanager
def ticking(started):
    """Show the seconds that pass, on a terminal."""
    done = threading.Event()

    def tick():
        while not done.wait(1):
            sys.stdout.write(f"\r  {time.monotonic() - started:4.0f} s ")
            sys.stdout.flush()

    thread = threading.Thread(target=tick, daemon=True)
    if sys.stdout.isatty():
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.is_alive():
            thread.join()
            sys.stdout.write("\r")


def run_logged(command, started):
    """Run a command, keep all it prints in the log, and show the lines that say it goes on."""
    environment = dict(os.environ, PYTHONNOUSERSITE="1", PIP_USER="no", PIP_DISABLE_PIP_VERSION_CHECK="1")
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(name, None)
    # Unpack beside the target: /tmp is often small, and so only one disk has to have room.
    environment["TMPDIR"] = os.path.join(VENV, "tmp")
    os.makedirs(environment["TMPDIR"], exist_ok=True)
    lines = []
    with open(LOG, "a", encoding="utf-8") as log, ticking(started):
        log.write("$ " + " ".join(command) + "\n")
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
        with process:
            for line in process.stdout:
                lines.append(line)
                log.write(line)
                if line.lstrip().startswith(("Downloading ", "Installing collected")):
                    print(f"\r  {time.monotonic() - started:4.0f} s  {line.strip()[:88]}", flush=True)
    output = "".join(lines)
    if process.returncode:
        known = explain(output, shutil.disk_usage(VENV).free)
        if known:
            raise known
        last = "".join("    " + line for line in lines[-12:])
        raise SetupFailed(
            f"설치하지 못했습니다. 마지막에 출력된 내용은 아래와 같고, 전체 기록은 {LOG}에 있습니다.",
            f"The installation failed; the last lines stand below, all of them in {LOG}.\n{last}",
        )


def clear_venv():
    """Empty .venv but for the stamp, which says that it is unfinished."""
    for entry in os.scandir(VENV):
        if entry.path == STAMP:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.remove(entry.path)


def set_up(extra):
    """Bring .venv to what ``extra`` needs: from nothing, an interrupted attempt, or an older list."""
    stamp = read_stamp()
    version = venv_version()
    here = sys.version_info[:2]
    wanted_version = here if os.environ.get("PYTHON") else version
    if is_ready(stamp, extra) and version is not None and version == wanted_version:
        return

    foreign = os.path.isdir(VENV) and bool(os.listdir(VENV)) and (not stamp or stamp.get("foreign", False))
    if foreign and (version is None or not SUPPORTED[0] <= version <= SUPPORTED[1]):
        raise SetupFailed(
            f"{VENV} 폴더는 이 과정이 만든 것이 아니고 쓸 수도 없습니다. 옮기거나 지운 뒤 다시 실행해 주십시오.",
            f"{VENV} was not made by this course and cannot be used; move or remove it, then run this again.",
        )
    kept = foreign or (
        stamp.get("finished") is True
        and stamp.get("place") == VENV
        and version == wanted_version
        and version is not None
        and SUPPORTED[0] <= version <= SUPPORTED[1]
    )
    # Once more was asked for, a lesson started later must not look like less.
    extras = ({extra} - {"core"}) | (extras_of(stamp) if kept else set())
    extra = ",".join(sorted(extras)) or "core"

    started = time.monotonic()
    if kept:
        print("패키지를 목록에 맞춥니다. / Bringing the packages in .venv up to the list.", flush=True)
    else:
        korean = "처음 한 번, 필요한 패키지를 이 폴더의 .venv에 설치합니다: 1~5분, 디스크 약 1.5 GB."
        english = "Once only: installing what is needed into .venv: 1 to 5 minutes, about 1.5 GB of disk."
        if sys.platform.startswith("linux") and not os.environ.get("TORCH_INDEX"):
            korean += " CUDA용 PyTorch를 받으면 5 GB가 됩니다(README의 TORCH_INDEX 참고)."
            english += " With a PyTorch for CUDA it is 5 GB (TORCH_INDEX in the README avoids that)."
        print(korean + "\n" + english, flush=True)
        free = shutil.disk_usage(ROOT).free
        if free < NEEDED_BYTES:
            raise explain("No space left on device", free)

    os.makedirs(VENV, exist_ok=True)
    write_stamp(finished=False, foreign=foreign)
    if not kept:
        clear_venv()
        base = getattr(sys, "_base_executable", None) or sys.executable  # never the one inside .venv
        run_logged([base, "-I", "-m", "venv", VENV], started)
    command = [VENV_PYTHON, "-I", "-m", "pip", "install", "--progress-bar", "off"]
    if os.environ.get("TORCH_INDEX"):
        command += ["--extra-index-url", os.environ["TORCH_INDEX"]]
    run_logged([*command, "--editable", f".[{extra}]" if extras else "."], started)
    run_logged([VENV_PYTHON, "-c", "import " + IMPORTS], started)
    shutil.rmtree(os.path.join(VENV, "tmp"), ignore_errors=True)
    write_stamp(finished=True, foreign=foreign, place=VENV, list=wanted_list(), extra=extra)
    print(f"준비를 마쳤습니다. / Ready. ({time.monotonic() - started:.0f} s)", flush=True)


def main(arguments):
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        check_python()
        if "--ready" in arguments:
            return 0 if is_ready(read_stamp(), arguments[0]) else 1
        with alone():
            set_up(arguments[0])
    except SetupFailed as failure:
        print(f"\n{failure}\n", file=sys.stderr)
        return 1
    except OSError as error:
        # The set-up's own writing failed, not pip's: the same causes, the same sentences.
        print(f"\n{explain(str(error)) or error}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\n설치를 멈추었습니다. 같은 명령을 다시 실행하면 처음부터 합니다."
            "\nThe set-up was interrupted; the same command starts it anew.\n",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
