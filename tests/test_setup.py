"""The two commands: the one list, the sentences for bad days, and Lab opening without a greeting."""

from __future__ import annotations

import ast
import errno
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
import yaml

from course_lib.setup import environment, lab

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
PINS = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])
HANGUL = re.compile("[가-힣]")


def assert_one_sentence_each(text: str) -> None:
    """One line in Korean, then one in English, and no trace of a program that broke."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    assert len(lines) == 2, text
    assert HANGUL.search(lines[0]) and not HANGUL.search(lines[1])
    assert all(line.strip().endswith(".") for line in lines)
    assert "Traceback" not in text


# --- the one list -----------------------------------------------------------------------------------


def unexplained_pins(pyproject: str) -> list[str]:
    """Pins that are not exact, or carry no reason."""
    project = tomllib.loads(pyproject)["project"]
    pins = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    explained = re.compile(r'^\s*"(?P<pin>[A-Za-z0-9-]+==\d+(\.\d+)+)",  # \S+ \S+', re.MULTILINE)
    good = {match["pin"] for match in explained.finditer(pyproject)}
    return [pin for pin in pins if pin not in good]


def test_every_pin_is_exact_and_says_why():
    assert unexplained_pins(PYPROJECT) == []
    assert unexplained_pins(PYPROJECT.replace("numpy==", "numpy>=")) != []
    assert unexplained_pins(re.sub(r'(numpy==[\d.]+",).*', r"\1", PYPROJECT)) != []


@pytest.mark.parametrize("pin", PINS)
def test_what_is_installed_is_what_is_pinned(pin):
    name, version = pin.split("==")
    if pin in PROJECT["optional-dependencies"]["book"] and not importlib.util.find_spec("myst_nb"):
        pytest.skip("only `make book` installs this")
    assert importlib.metadata.version(name).split("+")[0] == version


def test_conda_takes_the_same_list():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, from_pip = conda["dependencies"]
    # Nothing but Python and pip is named, so that no version can differ.
    assert pip == "pip" and from_pip == {"pip": ["-e .[test]"]}
    version = tuple(map(int, python.removeprefix("python=").split(".")))
    assert environment.SUPPORTED[0] <= version <= environment.SUPPORTED[1]
    assert (ROOT / conda["variables"]["JUPYTER_CONFIG_PATH"]).resolve() == lab.SETTINGS


def test_the_supported_pythons_are_stated_alike():
    (_, first), (_, last) = environment.SUPPORTED
    assert PROJECT["requires-python"] == f">=3.{first},<3.{last + 1}"


def test_readme_names_the_commands_and_has_no_broken_link():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    korean, english = readme.split("## English")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for part in (korean, english):
        commands = set(re.findall(r"\bmake ([a-z-]+)", part))
        assert {"lab", "test"} <= commands
        for command in commands:
            assert re.search(rf"^{command}:", makefile, re.MULTILINE)
        for needed in ("PORT=", "PYTHON=", "TORCH_INDEX=", "conda env create -f environment.yml"):
            assert needed in part
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (ROOT / target).exists()


# --- nothing of one machine ---------------------------------------------------------------------------

# Written in pieces, so that this file does not contain what it looks for.
REGISTRIES = ["py" "pi.org", "python" "hosted.org"]
REGISTRIES += ["download.py" "torch.org", "ana" "conda.org", "np" "mjs.org"]
MACHINES = [r"(?<![\w.~/])/(work|root)" r"/\w", r"/home" r"/\w+/", r"/Users" r"/\w+/", r"\b[A-Z]:\\" r"Users"]
UNWANTED = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINES]))


def tracked_files() -> list[Path]:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # a downloaded archive
        made_here = {".git", ".venv", "artifacts", "build", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not made_here & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


def test_no_tracked_file_names_a_registry_or_a_machine():
    paths = tracked_files()
    assert ROOT / "pyproject.toml" in paths
    found = []
    for path in paths:
        hit = UNWANTED.search(path.read_bytes().decode("utf-8", errors="ignore"))
        if hit:
            found.append(f"{path.relative_to(ROOT)}: {hit[0]}")
    assert found == []


@pytest.mark.parametrize(
    "text", ["https://py" "pi.org/simple", "cd /ro" "ot/x", "'/ho" "me/kim/course'", "(/wo" "rk/main)"]
)
def test_a_registry_or_a_machine_is_seen(text):
    assert UNWANTED.search(text)


# --- finding a Python -----------------------------------------------------------------------------------


def checkout(folder: Path) -> Path:
    """What the set-up needs of a checkout, in ``folder``."""
    shutil.copytree(ROOT / "course_lib" / "setup", folder / "course_lib" / "setup")
    (folder / "course_lib" / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "README.md").touch()
    return folder


def fake_python(path: Path, version: str, venv: bool = True) -> None:
    """A command that answers like a Python of this version, and says so when it is chosen."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in\n*version_info*) echo {version};;\n*ensurepip*) exit {0 if venv else 1};;\n'
        f'*environment.py*) echo "chosen {path.name} {version} $*";;\nesac\n',
        encoding="utf-8",
    )
    path.chmod(0o755)


def prepare(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    environ = {"PATH": str(folder / "bin"), **variables}
    command = ["/bin/sh", checkout(folder) / "course_lib" / "setup" / "prepare.sh", "core"]
    return subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=False)


def test_a_python_that_fails_when_run_is_passed_over(tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("python3.13", "python3.12"):
        stand_in = tmp_path / "bin" / name
        stand_in.write_text("#!/bin/sh\necho 'command not found' >&2; exit 127\n", encoding="utf-8")
        stand_in.chmod(0o755)
    fake_python(tmp_path / "bin" / "python3", "3.8")
    fake_python(tmp_path / "bin" / "python", "3.12")
    done = prepare(tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("chosen python 3.12")


def test_the_newest_that_fits_is_taken(tmp_path):
    for name, version in {"python3": "3.11", "python3.11": "3.11", "python3.12": "3.12"}.items():
        fake_python(tmp_path / "bin" / name, version)
    assert prepare(tmp_path).stdout.startswith("chosen python3.12 ")


def test_python_can_be_named(tmp_path):
    fake_python(tmp_path / "bin" / "python3", "3.12")
    fake_python(tmp_path / "elsewhere with spaces" / "mine", "3.13")
    done = prepare(tmp_path, PYTHON=str(tmp_path / "elsewhere with spaces" / "mine"))
    assert done.stdout.startswith("chosen mine 3.13")


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({}, "No Python that runs"),
        ({"python": "2.7"}, "Python 2.7 is too old"),
        ({"python3": "3.9"}, "Python 3.9 is too old"),
        ({"python3": "3.10"}, "Python 3.10 is too old"),
        ({"python3": "3.14"}, "Python 3.14 is too new"),
        ({"python3": "3.20", "python": "2.7"}, "Python 2.7 is too old"),
    ],
)
def test_no_fitting_python_gets_one_sentence(tmp_path, versions, said):
    for name, version in versions.items():
        fake_python(tmp_path / "bin" / name, version)
    done = prepare(tmp_path)
    assert done.returncode == 1 and said in done.stderr
    assert_one_sentence_each(done.stdout + done.stderr)


def test_a_named_python_that_is_none_gets_one_sentence(tmp_path):
    fake_python(tmp_path / "bin" / "python3", "3.12")  # and is not taken instead
    done = prepare(tmp_path, PYTHON="/nowhere/python")
    assert done.returncode == 1 and "/nowhere/python does not run" in done.stderr
    assert_one_sentence_each(done.stdout + done.stderr)


def test_a_python_without_venv_gets_one_sentence(tmp_path):
    fake_python(tmp_path / "bin" / "python3", "3.12", venv=False)
    done = prepare(tmp_path)
    assert done.returncode == 1 and "apt install python3.12-venv" in done.stderr
    assert_one_sentence_each(done.stdout + done.stderr)


@pytest.mark.parametrize("minor", range(9, 17))
def test_the_shell_and_the_list_agree_on_versions(tmp_path, minor):
    fake_python(tmp_path / "bin" / "python3", f"3.{minor}")
    fits = environment.SUPPORTED[0] <= (3, minor) <= environment.SUPPORTED[1]
    assert (prepare(tmp_path).returncode == 0) == fits


def test_an_old_python_can_read_the_file_that_refuses_it(monkeypatch, capsys):
    ast.parse(Path(environment.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))
    for version, said in (((3, 6), "too old"), ((3, 14), "too new")):
        monkeypatch.setattr(environment.sys, "version_info", (*version, 0))
        assert environment.main(["core"]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert_one_sentence_each(error)


# --- installing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('"
            "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'\n"
            "ERROR: No matching distribution found for torch==2.13.0",
            "network did not answer",
        ),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "network did not answer"),
        ("ERROR: No matching distribution found for setuptools==84.2.1", "network did not answer"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build of torch==2.13.0 for this"),
        ("[Errno 13] Permission denied: '.venv'", "cannot be written to"),
    ],
)
def test_the_cause_is_read_from_what_pip_prints(printed, said):
    explained = environment.explain(printed)
    assert said in str(explained)
    assert_one_sentence_each(str(explained))


def test_an_unknown_cause_is_not_guessed():
    assert environment.explain("error: subprocess-exited-with-error: the compiler sneezed") is None


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """The set-up, pointed at an empty checkout."""
    checkout(tmp_path)
    monkeypatch.delenv("PYTHON", raising=False)
    for name, path in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "VENV_PYTHON": tmp_path / ".venv" / "bin" / "python",
        "STAMP": tmp_path / ".venv" / "course-setup.json",
        "LOG": tmp_path / ".venv" / "course-setup.log",
    }.items():
        monkeypatch.setattr(environment, name, str(path))
    return tmp_path


def test_a_full_disk_is_said_before_anything_is_made(sandbox, monkeypatch, capsys):
    full = shutil.disk_usage(sandbox)._replace(free=10**8)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: full)
    assert environment.main(["core"]) == 1
    assert "(0.1 GB)" in (error := capsys.readouterr().err)
    assert_one_sentence_each(error)
    assert not (sandbox / ".venv").exists()


def test_a_disk_that_fills_up_meanwhile_is_said_too(sandbox, monkeypatch, capsys):
    def write(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(environment, "write_stamp", write)
    assert environment.main(["core"]) == 1
    assert "disk is full" in (error := capsys.readouterr().err)
    assert_one_sentence_each(error)


def test_without_a_network_and_after_an_interruption(sandbox, monkeypatch, capsys):
    """The real venv and the real pip, with an index that nobody answers for."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    (sandbox / ".venv" / "bin").mkdir(parents=True)
    environment.write_stamp(finished=False, foreign=False)
    half_written = sandbox / ".venv" / "lib" / "half_written.py"
    half_written.parent.mkdir()
    half_written.touch()

    assert environment.main(["core"]) == 1
    shown = capsys.readouterr()
    assert "network did not answer" in shown.err
    assert_one_sentence_each(shown.err)
    assert ".venv" in shown.out and "GB" in shown.out  # it had said what it was about to do
    assert not half_written.exists()
    assert environment.venv_version() == sys.version_info[:2]  # a .venv that runs,
    assert environment.main(["core", "--ready"]) == 1  # and yet is not taken for a good one


def test_an_unknown_failure_shows_the_last_lines_and_the_log(sandbox, capsys):
    (sandbox / ".venv").mkdir()
    with pytest.raises(environment.SetupFailed) as failure:
        environment.run_logged([sys.executable, "-c", "raise SystemExit('the compiler sneezed')"], 0.0)
    assert "the compiler sneezed" in str(failure.value) and environment.LOG in str(failure.value)
    assert "sneezed" in Path(environment.LOG).read_text(encoding="utf-8")


def test_one_more_index_goes_on_to_pip(sandbox, monkeypatch):
    commands = []
    monkeypatch.setattr(environment, "run_logged", lambda command, started: commands.append(command))
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cpu")
    assert environment.main(["test"]) == 0
    [pip] = [command for command in commands if "pip" in command]
    assert pip[-4:] == ["--extra-index-url", "https://example.org/cpu", "--editable", ".[test]"]
    assert environment.main(["core", "--ready"]) == 0 and environment.main(["test", "--ready"]) == 0


def test_ready_means_finished_here_with_this_list(sandbox):
    good = {"finished": True, "place": environment.VENV, "list": environment.wanted_list(), "extra": "test"}
    assert environment.is_ready(good, "core") and environment.is_ready(good, "test")
    for change in ({"finished": False}, {"place": "/elsewhere/.venv"}, {"list": "an older list"}):
        assert not environment.is_ready(good | change, "core")
    assert not environment.is_ready(good | {"extra": "core"}, "test")
    assert not environment.is_ready({}, "core")


def test_one_extra_does_not_take_away_another(sandbox, monkeypatch):
    commands = []
    monkeypatch.setattr(environment, "run_logged", lambda command, started: commands.append(command))
    monkeypatch.setattr(environment, "venv_version", lambda: sys.version_info[:2])
    for extra, asked_for in {"core": ".", "book": ".[book]", "test": ".[book,test]"}.items():
        assert environment.main([extra]) == 0
        assert [command[-1] for command in commands if "pip" in command][-1] == asked_for
    assert all(environment.main([extra, "--ready"]) == 0 for extra in ("core", "book", "test"))
    only_book = environment.read_stamp() | {"extra": "book"}
    assert environment.is_ready(only_book, "book") and not environment.is_ready(only_book, "test")


def test_someone_elses_environment_is_never_emptied(sandbox, capsys):
    theirs = sandbox / ".venv" / "notes.txt"
    theirs.parent.mkdir()
    theirs.touch()
    assert environment.main(["core"]) == 1
    assert "not made by this course" in (error := capsys.readouterr().err)
    assert_one_sentence_each(error)
    assert theirs.exists()


# --- opening Lab ----------------------------------------------------------------------------------------


def refusal(port: str | None) -> str:
    with pytest.raises(SystemExit) as stopped:
        lab.choose_port(port)
    assert_one_sentence_each(str(stopped.value.code))
    return str(stopped.value.code)


def test_a_port_in_use_gets_one_sentence_and_a_way_out():
    with socket.socket() as taken:
        taken.bind((lab.HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refusal(port)
        assert f"Port {port} is already in use" in said and "make lab PORT=" in said
    assert lab.choose_port(port) == int(port)  # free again


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "80 80", "²"])
def test_what_is_no_port_gets_one_sentence(port):
    assert "is not a port" in refusal(port)


def test_a_port_that_needs_rights_gets_one_sentence(monkeypatch):
    monkeypatch.setattr(lab, "port_problem", lambda port: errno.EACCES)
    assert "needs special rights" in refusal("80")


def test_without_a_port_the_next_free_one_is_taken_and_said(monkeypatch, capsys):
    monkeypatch.setattr(lab, "port_problem", lambda port: errno.EADDRINUSE if port < 8890 else None)
    assert lab.choose_port(None) == 8890
    said = capsys.readouterr().out
    assert "Port 8888 is in use, so this is port 8890" in said
    assert_one_sentence_each(said)
    monkeypatch.setattr(lab, "port_problem", lambda port: errno.EADDRINUSE)
    assert "are in use" in refusal(None)


def test_lab_knows_every_setting_that_we_give_it():
    """A setting that a new JupyterLab renamed would silently stop working."""
    schemas = Path(sys.prefix, "share", "jupyter", "lab", "schemas")
    folder = lab.SETTINGS / "labconfig"
    settings = json.loads((folder / "default_setting_overrides.json").read_text(encoding="utf-8"))
    for plugin, values in settings.items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text(encoding="utf-8"))
        for key, value in values.items():
            choices = schema["properties"][key].get("oneOf", [])
            allowed = [choice["const"] for choice in choices] or [True, False]
            assert value in allowed
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


@pytest.fixture
def hostile_home(tmp_path):
    """A home whose Jupyter settings, kernel and start-up file all break what they touch."""
    home = tmp_path / "home"
    broken = {
        ".jupyter/jupyter_server_config.py": "raise SystemExit('hostile configuration')",
        ".jupyter/jupyter_lab_config.py": "raise SystemExit('hostile configuration')",
        ".ipython/profile_default/startup/00.py": "raise SystemExit('hostile start-up')",
        ".local/share/jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": ["/nowhere/python"], "display_name": "Broken", "language": "python"}
        ),
    }
    for name, text in broken.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return home


def test_lab_opens_the_first_notebook_and_stops(tmp_path, hostile_home):
    """A real server: it says its address, serves our kernel and settings, and leaves nothing behind."""
    checkout(tmp_path)
    notebook = tmp_path / lab.FIRST_NOTEBOOK
    notebook.parent.mkdir()
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8")
    screen = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")
    environ = {name: value for name, value in os.environ.items() if name not in screen} | {
        "HOME": str(hostile_home),
        "JUPYTER_CONFIG_DIR": str(hostile_home / ".jupyter"),
        "JUPYTER_PATH": str(hostile_home / ".local" / "share" / "jupyter"),
    }
    with socket.socket() as free:
        free.bind((lab.HOST, 0))
        port = free.getsockname()[1]
    said = tmp_path / "said.txt"
    with said.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "course_lib.setup.lab", "--port", str(port)],
            cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        for _ in range(300):
            address = re.search(r"http://\S+", said.read_text(encoding="utf-8"))
            if address or server.poll() is not None:
                break
            time.sleep(0.1)
        assert address, said.read_text(encoding="utf-8")
        site, token = address[0].split("/lab/tree/notebooks/00_start_here.ipynb?token=")

        def ask(path: str) -> str:
            request = urllib.request.Request(site + path, headers={"Authorization": f"token {token}"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode("utf-8")

        assert ask("/lab/tree/" + lab.FIRST_NOTEBOOK)
        kernels = json.loads(ask("/api/kernelspecs"))
        assert kernels["default"] == "python3"
        assert kernels["kernelspecs"]["python3"]["spec"]["display_name"] != "Broken"
        page = ask("/lab")
        assert "@jupyterlab/apputils-extension:announcements" in page and '"buildCheck": false' in page
        notifications = json.loads(ask("/lab/api/settings/@jupyterlab/apputils-extension:notification"))
        assert notifications["schema"]["properties"]["fetchNews"]["default"] == "false"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=15) == 0
        with socket.socket() as gone:
            assert gone.connect_ex((lab.HOST, port)) != 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
