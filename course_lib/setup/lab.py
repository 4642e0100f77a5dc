"""Open the course in JupyterLab: ``python -m course_lib.setup.lab [--port N] [--no-browser]``.

``make lab`` ends here, and so do conda and Windows users. What is not known here goes on to JupyterLab.
"""

from __future__ import annotations

import argparse
import errno
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
SETTINGS = Path(__file__).with_name("jupyter")
HOST = "127.0.0.1"
USUAL_PORT = 8888
PORTS_TRIED = 20
KERNEL_SETTINGS = 'get_config().InteractiveShellApp.extensions = ["course_lib.out_of_order"]\n'


def stop(korean: str, english: str) -> SystemExit:
    """What to raise where the learner has to do something first."""
    return SystemExit(f"\n{korean}\n{english}\n")


def port_problem(port: int) -> int | None:
    """The errno with which the port refuses, None where it is free."""
    with socket.socket() as asking:  # macOS lets us bind beside a program that listens on all addresses
        asking.settimeout(0.5)
        if asking.connect_ex((HOST, port)) == 0:
            return errno.EADDRINUSE
    with socket.socket() as listening:
        if os.name == "posix":  # connections of a Lab that was just closed do not hold the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()
        except OSError as error:
            return error.errno
    return None


def choose_port(asked: str | None) -> int:
    """The port to serve on: the one asked for, or the first free one from the usual one on.

    Raises:
        SystemExit: the port asked for is not a port, is taken, or is not ours to take.
    """
    if asked is None:
        free = next((p for p in range(USUAL_PORT, USUAL_PORT + PORTS_TRIED) if port_problem(p) is None), None)
        if free is None:
            last = USUAL_PORT + PORTS_TRIED - 1
            raise stop(
                f"{USUAL_PORT}~{last}번 포트가 모두 쓰이고 있습니다. 'make lab PORT=9000'처럼 다른 번호를 주십시오.",
                f"Ports {USUAL_PORT} to {last} are in use; give another one, such as 'make lab PORT=9000'.",
            )
        if free != USUAL_PORT:
            print(
                f"{USUAL_PORT}번 포트가 쓰이고 있어 {free}번을 씁니다. 고르시려면 'make lab PORT=9000'으로 여십시오."
                f"\nPort {USUAL_PORT} is in use, so this is port {free}; choose one with 'make lab PORT=9000'."
            )
        return free
    if not (asked.isascii() and asked.isdigit() and 0 < int(asked) < 65536):
        raise stop(
            f"PORT={asked}은(는) 포트 번호가 아닙니다. 'make lab PORT=9000'처럼 1024~65535의 수를 주십시오.",
            f"PORT={asked} is not a port; give a number from 1024 to 65535, such as 'make lab PORT=9000'.",
        )
    port = int(asked)
    problem = port_problem(port)
    other = 9000 if port != 9000 else 9001
    if problem in (errno.EACCES, errno.EPERM):
        raise stop(
            f"{port}번 포트를 쓸 권한이 없습니다. 'make lab PORT={other}'처럼 1024 이상의 번호를 주십시오.",
            f"Port {port} needs special rights; give one from 1024 on, such as 'make lab PORT={other}'.",
        )
    if problem is not None:
        raise stop(
            f"{port}번 포트는 이미 쓰이고 있습니다. 'make lab PORT={other}'처럼 다른 번호로 실행해 주십시오.",
            f"Port {port} is already in use; choose another one, such as 'make lab PORT={other}'.",
        )
    return port


def keep_to_ourselves() -> None:
    """Give Jupyter a place of its own inside the environment.

    A learner's other Jupyter settings, kernels and start-up files may be years old; none of them may
    reach the course, and the course changes none of them.
    """
    for name in [name for name in os.environ if name.startswith(("JUPYTER_", "JUPYTERLAB_"))]:
        if name != "JUPYTER_TOKEN":
            del os.environ[name]
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"):
        os.environ.pop(name, None)

    place = Path(sys.prefix, "var", "course")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:  # an environment shared by many is often read-only
        place = Path(tempfile.mkdtemp(prefix="course-"))
    shutil.rmtree(place / "workspaces", ignore_errors=True)  # so that each start shows the first notebook
    settings = place / "ipython" / "profile_default" / "ipython_kernel_config.py"
    settings.parent.mkdir(parents=True, exist_ok=True)
    written = settings.with_suffix(".new")
    written.write_text(KERNEL_SETTINGS, encoding="utf-8")
    written.replace(settings)
    os.environ.update(
        JUPYTER_CONFIG_PATH=str(SETTINGS),
        JUPYTER_CONFIG_DIR=str(place / "config"),
        JUPYTER_DATA_DIR=str(place / "data"),
        JUPYTERLAB_WORKSPACES_DIR=str(place / "workspaces"),
        JUPYTER_PREFER_ENV_PATH="1",
        IPYTHONDIR=str(place / "ipython"),
        PYTHONNOUSERSITE="1",
    )


def can_show_a_browser() -> bool:
    """False on a Linux machine without a screen, where a text browser would take over the terminal."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"))


def say_when_open(address: str, port: int) -> None:
    """Print the address as soon as the server answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            direct.open(f"http://{HOST}:{port}/api", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    print(
        "\n과정을 열었습니다. 브라우저가 열리지 않으면 아래 주소를 여십시오. 끝내려면 Ctrl-C를 누르십시오."
        "\nThe course is open. If no browser shows it, open this address; Ctrl-C ends it."
        f"\n\n    {address}\n",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    parser = argparse.ArgumentParser(
        "python -m course_lib.setup.lab",
        description="Open the course in JupyterLab. Options not listed here go on to JupyterLab.",
    )
    parser.add_argument("--port", metavar="N", help=f"default: the first free one from {USUAL_PORT} on")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    ours, theirs = parser.parse_known_args(arguments)

    if not (ROOT / FIRST_NOTEBOOK).is_file():
        raise stop(
            f"{ROOT}에 {FIRST_NOTEBOOK}이 없습니다. 내려받은 과정 폴더에서 'make lab'을 실행해 주십시오.",
            f"There is no {FIRST_NOTEBOOK} in {ROOT}; run 'make lab' in the downloaded folder of the course.",
        )
    port = choose_port(ours.port)
    keep_to_ourselves()
    token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
    address = f"http://{HOST}:{port}/lab/tree/{FIRST_NOTEBOOK}?token={token}"

    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
        "--MultiKernelManager.default_kernel_name=python3",
        "--KernelManager.transport_encryption=auto",  # without it each kernel prints a warning
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    if ours.no_browser or not can_show_a_browser():
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # containers
        options.append("--allow-root")

    from jupyterlab.labapp import LabApp  # after the environment is set: Jupyter reads it at import

    threading.Thread(target=say_when_open, args=(address, port), daemon=True).start()
    LabApp.launch_instance([*options, *theirs])


if __name__ == "__main__":
    main()
