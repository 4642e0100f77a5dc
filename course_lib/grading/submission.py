"""A stranger's file: read without trust, and of it only the source of the answer cells.

Nothing of nbformat is used here: a notebook is JSON, and of it three things matter, a cell's kind, its id and
its source. Everything else, outputs, metadata and all other cells, is not even looked at.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from course_lib.grading.release import AnswerCell, Gap, Release, defined, parse

MOST_BYTES = 10 * 2**20
MOST_CELLS = 5_000
LONGEST_ANSWER = 200_000


class Invalid(Exception):
    """This file is no submission; ``reason`` is a key of ``report.INVALID``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Cell:
    id: str | None
    source: str


@dataclass(frozen=True)
class Answer:
    """What is taken for one exercise: the sources in the place of its answer cells."""

    exercise: str
    sources: tuple[str, ...]
    untouched: bool


def read_bytes(path: Path) -> bytes:
    """The whole of a regular file of bearable size; links are not followed, pipes not waited for.

    Raises:
        Invalid: it is something else.
    """
    file, size = _open(path)
    with file:
        try:
            content = file.read(size + 1)
        except OSError as error:
            raise Invalid("unreadable") from error
    if len(content) > size:
        raise Invalid("unreadable")  # it grows while it is read
    return content


def _open(path: Path) -> tuple[BinaryIO, int]:
    """A regular file, opened, and its size."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        kind = os.lstat(path)
        if stat.S_ISLNK(kind.st_mode):  # said by name, and where there is no O_NOFOLLOW
            raise Invalid("link")
        if not stat.S_ISREG(kind.st_mode):
            raise Invalid("no file")
        handle = os.open(path, flags)
    except OSError as error:
        raise Invalid("link" if error.errno == errno.ELOOP else "unreadable") from error
    file = os.fdopen(handle, "rb")
    kind = os.fstat(handle)
    if not stat.S_ISREG(kind.st_mode) or kind.st_size > MOST_BYTES:
        file.close()
        raise Invalid("too large" if stat.S_ISREG(kind.st_mode) else "no file")
    return file, kind.st_size


def sha256(path: Path) -> str:
    """Names the content of a file; empty where it can't be read."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except Invalid:
        return ""


def check_kind(path: Path) -> None:
    """As :func:`read_bytes`, without reading it all.

    Raises:
        Invalid: it is no regular file of bearable size.
    """
    _open(path)[0].close()


def read_cells(content: bytes) -> list[Cell]:
    """The code cells of a notebook.

    Raises:
        Invalid: it is none.
    """
    if not content.strip():
        raise Invalid("empty")
    try:
        # Not "utf-8-sig", which holds the text twice: with one emoji each letter of it takes four bytes.
        notebook = json.loads(content.removeprefix(codecs.BOM_UTF8).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Invalid("not UTF-8") from error
    except MemoryError as error:
        raise Invalid("too much") from error
    except (ValueError, RecursionError) as error:
        raise Invalid("not JSON") from error
    if not isinstance(notebook, dict):
        raise Invalid("no notebook")
    if notebook.get("nbformat") != 4:
        raise Invalid("wrong version" if isinstance(notebook.get("nbformat"), int) else "no notebook")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or len(cells) > MOST_CELLS:
        raise Invalid("no notebook")
    found = []
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise Invalid("no notebook")
        cell_id = cell.get("id")
        found.append(Cell(cell_id if isinstance(cell_id, str) else None, source))
    if not found:
        raise Invalid("no cells")
    return found


def which_release(cells: list[Cell], releases: list[Release], file_name: str) -> Release:
    """The lesson that a submission is of: by its cells' ids, else by the names it defines, else by the file's.

    Raises:
        Invalid: it is of none of these.
    """
    ids = {cell.id for cell in cells}
    names = set().union(*(_defined(cell.source) for cell in cells))
    scores = []
    for release in releases:
        answers = [cell for gap in release.gaps for cell in gap.cells]
        by_id = len(ids & {*release.others, *(cell.id for cell in answers)})
        by_name = sum(bool(names & set(cell.names)) for cell in answers)
        scores.append((by_id, by_name, file_name.startswith(release.name[:3]), release))
    best = max(scores, key=lambda score: score[:3])
    if best[:3] == (0, 0, False):
        raise Invalid("no lesson")
    return best[3]


def _defined(source: str) -> set[str]:
    """The names that a cell defines; of one that is no Python, those that it seems to."""
    if len(source) > LONGEST_ANSWER:
        return set()
    body = parse(source).body
    if body:
        return set(defined(body))
    return set(re.findall(r"^(?:async +)?(?:def|class) +(\w+)", source, re.M)) | set(
        re.findall(r"^(\w+) *=[^=]", source, re.M)
    )


def answers(cells: list[Cell], release: Release) -> list[Answer]:
    """For each exercise what stands in the submission's answer cells.

    Raises:
        Invalid: an answer is too long, or no text.
    """
    return [_answer(cells, gap, release) for gap in release.gaps]


def _answer(cells: list[Cell], gap: Gap, release: Release) -> Answer:
    sources = tuple(_source(cells, cell, release) for cell in gap.cells)
    for source in sources:
        if len(source) > LONGEST_ANSWER:
            raise Invalid("too long")
        try:
            source.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Invalid("no text") from error
    untouched = all(
        _plain(source) in ("", _plain(cell.stub)) for source, cell in zip(sources, gap.cells, strict=True)
    )
    return Answer(gap.exercise, sources, untouched and bool(gap.cells))


def _source(cells: list[Cell], wanted: AnswerCell, release: Release) -> str:
    """The source taken for one answer cell.

    The cell with its id, where it was filled in. Else (the id was lost in another editor, or the answer was
    written into a new cell) the last cell that defines the same name and is no other cell of the release.
    """
    others = set(release.others)
    answer_ids = {cell.id for gap in release.gaps for cell in gap.cells} - {wanted.id}
    filled = [cell for cell in cells if _plain(cell.source) not in ("", _plain(wanted.stub))]
    same_id = [cell for cell in filled if cell.id == wanted.id]
    strangers = [cell for cell in filled if cell.id not in others and cell.id not in answer_ids]
    defining = [cell for cell in strangers if _defined(cell.source) & set(wanted.names)]
    here = [cell for cell in defining if cell.id == wanted.id]
    for found in (here, defining, same_id):
        if found:
            return found[-1].source
    return wanted.stub


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
