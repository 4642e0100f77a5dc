"""Handing out and taking in: ``course assign`` and ``course collect``."""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from course_lib.bilingual import Bilingual, CourseError
from course_lib.grading.release import Release, read_releases
from course_lib.grading.submission import MOST_BYTES
from course_lib.lesson import exercise as engine

MOST_FILES = 5_000
MOST_TOGETHER = 4 * 2**30  # bytes of everything taken from one archive
LONGEST_NAME = 120  # bytes, of which a file system allows 255
WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

TO_STUDENTS = """\
# {name}

## 한국어

1. 강의 저장소의 `notebooks` 폴더에 `{name}.ipynb`를 넣고 `make lab`으로 여십시오.
2. 답 셀(`{stub}`라고 적힌 곳)만 채우십시오. 필요한 것은 모두 그 셀 안에 쓰십시오. 채점은 답 셀만 가져갑니다.
3. `check(...)`가 통과하는지 보고, 저장한 다음 `{name}.ipynb` 파일 하나를 내십시오.
4. 낸 다음과 똑같이 채점해 보려면: `.venv/bin/course grade notebooks/{name}.ipynb --language ko`

## English

1. Put `{name}.ipynb` into the folder `notebooks` of the course and open it with `make lab`.
2. Fill in the answer cells only (those that say `{stub}`). Write all that is needed into them: only they are graded.
3. See that `check(...)` passes, save, and hand in the one file `{name}.ipynb`.
4. To be graded just as you will be: `.venv/bin/course grade notebooks/{name}.ipynb --language en`
"""
STUB = "Write your code here."


# -- out ------------------------------------------------------------------------------------------------------


def assign(notebooks: Path, names: list[str], out: Path) -> list[Path]:
    """Write the clean notebooks of these lessons, and a page for the students, into ``out``.

    Raises:
        CourseError: no such lesson, the notebook is not clean, or a file of another content is there already.
    """
    releases = read_releases(notebooks)
    written = []
    for name in names:
        wanted = Path(name).stem
        release = next((r for r in releases if wanted in (r.name, r.name[:2], r.lesson)), None)
        if release is None:
            known = ", ".join(release.name for release in releases)
            raise CourseError(Bilingual(
                f"'{name}'(이)라는 강의가 없거나 연습이 없습니다. 다음 중 하나를 주십시오: {known}.",
                f"There is no lesson '{name}' with exercises. Give one of: {known}.",
            ))  # fmt: skip
        content = (notebooks / f"{release.name}.ipynb").read_bytes()
        _require_clean(content, notebooks, release)
        page = TO_STUDENTS.format(name=release.name, stub=STUB).encode()
        for path, text in ((out / f"{release.name}.ipynb", content), (out / f"{release.name}.README.md", page)):
            _write_new(path, text)
            written.append(path)
    return written


def _require_clean(content: bytes, notebooks: Path, release: Release) -> None:
    """Nothing run, and no solution in it: neither in its cell nor elsewhere."""
    cells = json.loads(content)["cells"]
    solved = json.loads((notebooks / "solutions" / f"{release.name}.ipynb").read_bytes())["cells"]
    stubs = {cell.id: cell.stub for gap in release.gaps for cell in gap.cells}
    secrets = [
        line
        for cell in solved
        if cell["id"] in stubs
        for line in _telling("".join(cell["source"]))
        if line not in _telling(stubs[cell["id"]])
    ]
    # Where the solution itself stands in the notebook, the two don't differ: the exercise knows it as well.
    exercises = [engine.find(gap.exercise) for gap in release.gaps]
    secrets += [line for exercise in exercises for line in _telling(engine.solution_source(exercise))]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    used = any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    found = next((line for line in secrets if line in text), "")
    if used or found:
        why = Bilingual("실행한 셀이 있습니다", "it has executed cells") if used else Bilingual(
            f"풀이의 줄이 들어 있습니다: {found}", f"it holds a line of the solution: {found}"
        )  # fmt: skip
        raise CourseError(Bilingual(
            f"notebooks/{release.name}.ipynb는 나누어 줄 수 없습니다({why.ko}). `course build`로 다시 만드십시오.",
            f"notebooks/{release.name}.ipynb can't be handed out ({why.en}). Make it anew with `course build`.",
        ))  # fmt: skip


def _telling(source: str) -> list[str]:
    """The lines of a solution that would give it away."""
    lines = [line.split("  #")[0].strip() for line in source.splitlines()]
    return [line for line in lines if len(line) > 20 and not line.startswith(("def ", "import ", "from ", '"""', "#"))]


def _write_new(path: Path, content: bytes) -> None:
    from course_lib.grading.report import write_whole

    if os.path.lexists(path):
        if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
            return
        raise CourseError(Bilingual(
            f"'{path}'이(가) 이미 있습니다. 지우거나 다른 폴더를 주십시오.",
            f"'{path}' is there already. Remove it, or give another folder.",
        ))  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(Bilingual(
            f"'{path.parent}' 폴더를 만들 수 없습니다({error.strerror}).",
            f"The folder '{path.parent}' can't be made ({error.strerror}).",
        )) from error  # fmt: skip
    write_whole(path, content)


# -- in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """One member of an archive: where it went, or why it was left out."""

    member: str
    path: Path | None
    why: Bilingual | None = None


NOT_A_NOTEBOOK = Bilingual("노트북이 아닙니다", "no notebook")
LINK = Bilingual("링크입니다", "a link")
LOCKED = Bilingual("암호가 걸려 있습니다", "locked by a password")
TOO_LARGE = Bilingual(f"{MOST_BYTES // 2**20} MB보다 큽니다", f"larger than {MOST_BYTES // 2**20} MB")
DAMAGED = Bilingual("손상되었습니다", "damaged")
IN_ALL = Bilingual("모두 합해 너무 큽니다", "too large in all")


def collect(archive: Path, out: Path) -> Iterator[Taken]:
    """Take the notebooks out of a zip file into ``out``, one folder a student where the archive has folders.

    A member's path is never used as it is: only its own name and that of its student's folder, made harmless.
    No link is made, nothing is overwritten, and what is unpacked is measured, not believed.

    Raises:
        CourseError: the file is no zip, holds too many members, or nothing can be written.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CourseError(Bilingual(
            f"'{archive}'을(를) zip으로 읽을 수 없습니다.", f"'{archive}' can't be read as a zip file.",
        )) from error  # fmt: skip
    with opened as members:
        infos = [info for info in members.infolist() if not info.is_dir()]
        if len(infos) > MOST_FILES:
            raise CourseError(Bilingual(
                f"'{archive}'에 파일이 {MOST_FILES}개보다 많습니다.", f"'{archive}' holds more than {MOST_FILES} files.",
            ))  # fmt: skip
        names = [_member_name(info) for info in infos]
        common = _common_folder([name for name in names if _is_notebook(name)])
        together = 0
        for info, name in zip(infos, names, strict=True):
            if not _is_notebook(name):
                yield Taken(name, None, NOT_A_NOTEBOOK)
            elif stat.S_ISLNK(info.external_attr >> 16):
                yield Taken(name, None, LINK)
            elif info.flag_bits & 1:
                yield Taken(name, None, LOCKED)
            else:
                content = _unpacked(members, info)
                if isinstance(content, Bilingual):
                    yield Taken(name, None, content)
                    continue
                together += len(content)
                if together > MOST_TOGETHER:
                    yield Taken(name, None, IN_ALL)
                    continue
                yield Taken(name, _write(content, out, _place(name, common)))


def _member_name(info: zipfile.ZipInfo) -> str:
    """A member's name as its author saw it: Korean Windows writes it in cp949 and does not say so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            raw = name.encode("cp437")
            name = raw.decode("utf-8") if _is_utf8(raw) else raw.decode("cp949")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_notebook(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part == "__MACOSX" or part == ".ipynb_checkpoints" for part in path.parts)
    return path.suffix.lower() == ".ipynb" and not hidden and not path.name.startswith("._")


def _common_folder(names: list[str]) -> str:
    """The one folder that everything lies in, as "submissions" may be; none where that may be a student's."""
    tops = {PurePosixPath(name).parts[0] for name in names if len(PurePosixPath(name).parts) > 1}
    alone = len(tops) == 1 and all(len(PurePosixPath(name).parts) > 1 for name in names)
    return tops.pop() if alone and len(names) > 1 else ""


def _place(name: str, common: str) -> PurePosixPath:
    """Where a member goes, below the folder of all: its student's folder, if it has one, and its name."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    if common and parts and parts[0] == common:
        parts = parts[1:]
    kept = [parts[0], parts[-1]] if len(parts) > 1 else parts[-1:]
    return PurePosixPath(*[_harmless_name(part) for part in kept])


def _harmless_name(name: str) -> str:
    """One part of a path that is a plain name on every system."""
    letters = [
        "_" if letter in '<>:"/\\|?*' or unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"} else letter
        for letter in name
    ]
    stem, dot, suffix = "".join(letters).strip(" ").rpartition(".")
    while len(f"{stem}{dot}{suffix}".encode()) > LONGEST_NAME and stem:
        stem = stem[:-1]
    plain = f"{stem}{dot}{suffix}".lstrip(".-~ ").rstrip(". ") or "_"
    return f"_{plain}" if WINDOWS_DEVICES.fullmatch(plain) else plain


def _unpacked(members: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | Bilingual:
    """The content, of which no more is unpacked than a submission may have; or why there is none."""
    try:
        with members.open(info) as file:
            content = file.read(MOST_BYTES + 1)
    except Exception:  # each way of compressing has errors of its own
        return DAMAGED
    return TOO_LARGE if len(content) > MOST_BYTES else content


def _write(content: bytes, out: Path, place: PurePosixPath) -> Path:
    """Write to a name that is not taken yet, without following a link anywhere below ``out``."""
    folder = out
    try:
        for part in place.parts[:-1]:
            folder = folder / part
            if folder.is_symlink() or folder.exists() and not folder.is_dir():
                folder = folder.with_name(f"{folder.name}_")
        folder.mkdir(parents=True, exist_ok=True)
        stem, suffix = PurePosixPath(place.name).stem, PurePosixPath(place.name).suffix
        for number in range(1, MOST_FILES + 2):
            path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem} ({number}){suffix}")
            try:
                with open(path, "xb") as file:
                    file.write(content)
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise CourseError(Bilingual(
            f"'{folder}'에 쓸 수 없습니다({error.strerror}).", f"'{folder}' can't be written to ({error.strerror}).",
        )) from error  # fmt: skip
    raise AssertionError("more names taken than there are members")
