"""What an instructor and a learner read: the table, the report, and the file for a CI server."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from course_lib.bilingual import Bilingual, CourseError
from course_lib.grading.grade import Row
from course_lib.grading.submission import MOST_BYTES
from course_lib.grading.verdict import STATUSES, Graded

UNGRADED = "UNGRADED"  # the grader failed; not a status of the submission
WORST_FIRST = ("INVALID", "CRASH", "MEMORY", "TIMEOUT", "ERROR", "FAIL", "TODO", "PASS")
BETWEEN = " | "  # the notes of two exercises in one cell
# A cell that begins so would be a formula; a spreadsheet in an East Asian language takes the wide signs as well.
FORMULA = tuple("=+-@\t\r\n＝＋－＠|%'")

INVALID = {
    "link": Bilingual("링크는 읽지 않습니다. 파일 자체를 내십시오.", "A link is not followed. Hand in the file itself."),
    "no file": Bilingual("보통 파일이 아닙니다.", "It is no ordinary file."),
    "unreadable": Bilingual("파일을 읽을 수 없습니다.", "The file can't be read."),
    "too large": Bilingual(
        f"파일이 {MOST_BYTES // 2**20} MB보다 큽니다. 출력을 지우고 다시 내십시오.",
        f"The file is larger than {MOST_BYTES // 2**20} MB. Clear the outputs and hand it in again.",
    ),
    "too much": Bilingual(
        "읽는 데 메모리가 너무 많이 듭니다. 출력을 지우고 다시 내십시오.",
        "It takes too much memory to read. Clear the outputs and hand it in again.",
    ),
    "empty": Bilingual("파일이 비어 있습니다.", "The file is empty."),
    "not UTF-8": Bilingual(
        "UTF-8이 아닙니다. JupyterLab에서 저장한 노트북을 그대로 내십시오.",
        "It is not UTF-8. Hand in the notebook as JupyterLab saved it.",
    ),
    "not JSON": Bilingual(
        "노트북으로 읽을 수 없습니다(파일이 잘렸거나 손상되었습니다).",
        "It can't be read as a notebook (cut off, or damaged).",
    ),
    "no notebook": Bilingual("Jupyter 노트북이 아닙니다.", "It is no Jupyter notebook."),
    "wrong version": Bilingual(
        "nbformat 4 노트북이 아닙니다. JupyterLab에서 열어 다시 저장하십시오.",
        "It is no nbformat 4 notebook. Open it in JupyterLab and save it again.",
    ),
    "no cells": Bilingual("코드 셀이 없습니다.", "It has no code cell."),
    "no lesson": Bilingual(
        "이 과정의 강의 노트북이 아닙니다.", "It is no notebook of a lesson of this course."
    ),
    "too long": Bilingual("답 셀이 너무 깁니다.", "An answer cell is too long."),
    "no text": Bilingual("답 셀에 글자가 아닌 것이 있습니다.", "An answer cell holds something that is no text."),
}  # fmt: skip


def said(message: Bilingual | None, language: str) -> str:
    """A message in one language, or in both."""
    if message is None:
        return ""
    return str(message) if language == "both" else getattr(message, language)


def harmless(text: str) -> str:
    """Text for a terminal or a file: no control characters, nothing that turns the direction of writing."""
    return "".join(
        letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co"}
    )


# -- the table ------------------------------------------------------------------------------------------------


def columns(exercises: Iterable[str]) -> list[str]:
    """The columns of the table, exercises in the middle."""
    before, after = ["file", "student", "lesson", "status", "points", "out_of"], ["tier", "seed", "release", "sha256", "note"]
    return [*before, *exercises, *after]


def cells(
    row: Row, exercises: dict[str, list[str]], weights: dict[str, float], seed: int, release: str, language: str
) -> dict[str, str]:
    """A row of the table. ``exercises`` are those graded, by lesson."""
    statuses = {graded.exercise.id: graded.status for graded in row.graded}
    of_lesson = exercises.get(row.lesson, [])
    if row.invalid:
        statuses = dict.fromkeys(of_lesson, "INVALID")
        notes = [said(INVALID[row.invalid], language)]
    elif row.broken:
        statuses, notes = {}, [said(Bilingual("채점기 오류", "the grader failed"), language) + f": {row.broken}"]
    else:
        notes = [f"[{graded.exercise.id}] {note_of(graded, language)}" for graded in row.graded if graded.message]
    known = ["INVALID"] if row.invalid else list(statuses.values())
    worst = next((status for status in WORST_FIRST if status in known), UNGRADED)
    points = sum(weights.get(name, 1.0) for name, status in statuses.items() if status == "PASS")
    out_of = sum(weights.get(name, 1.0) for name in of_lesson)
    return {
        "file": row.file, "student": row.student, "lesson": row.lesson, "status": worst,
        "points": "" if row.broken else f"{points:g}", "out_of": f"{out_of:g}" if of_lesson else "",
        **{name: statuses.get(name, "") for names in exercises.values() for name in names},
        "tier": row.tier, "seed": str(seed), "release": release, "sha256": row.sha256,
        "note": BETWEEN.join(note.replace(BETWEEN, " / ") for note in notes),
    }  # fmt: skip


def note_of(graded: Graded, language: str) -> str:
    return " ".join(said(graded.message, language).split())


def in_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, and that stays in its cell."""
    text = " ".join(harmless(text).split())
    return f"'{text}" if text.startswith(FORMULA) else text


def write_csv(path: Path, names: list[str], rows: Iterable[dict[str, str]]) -> None:
    """The table, whole or not at all; with a byte order mark, by which a spreadsheet knows Korean.

    Raises:
        CourseError: it can't be written; what was there before is still there.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerow(names)
    for row in sorted(rows, key=lambda row: row["file"]):
        table.writerow([in_cell(row[name]) for name in names])
    write_whole(path, text.getvalue().encode("utf-8-sig"))


def read_csv(path: Path, names: list[str]) -> list[dict[str, str]]:
    """The rows of a table that was written with the same columns; none where there is no such table."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            return [row for row in table if None not in row.values()] if table.fieldnames == names else []
    except (OSError, ValueError, csv.Error):
        return []


def read_first(path: Path) -> dict[str, str]:
    """The first row of a table, whatever its columns."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return next(csv.DictReader(file), {})
    except (OSError, ValueError, csv.Error):
        return {}


def write_whole(path: Path, content: bytes) -> None:
    """To a temporary name, then renamed: a file of this name is always whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CourseError(Bilingual(
            f"'{path}'에 쓸 수 없습니다({error.strerror}).", f"'{path}' can't be written ({error.strerror}).",
        )) from error  # fmt: skip


# -- JUnit ----------------------------------------------------------------------------------------------------


def write_junit(path: Path, rows: Iterable[dict[str, str]], exercises: dict[str, list[str]]) -> None:
    """The same rows for a CI server: a suite a file, a test an exercise."""
    root = ElementTree.Element("testsuites", name="course grade")
    for row in sorted(rows, key=lambda row: row["file"]):
        notes = row["note"].split(BETWEEN)
        names = [name for name in exercises.get(row["lesson"], []) if row[name]]
        asked = {name: row[name] for name in names} or {"-": row["status"]}
        bad = [status for status in asked.values() if status != "PASS"]
        failures = sum(status in {"FAIL", "TODO"} for status in bad)
        suite = ElementTree.SubElement(
            root, "testsuite", name=harmless(row["file"]), tests=str(len(asked)), failures=str(failures),
            errors=str(len(bad) - failures), skipped="0",
        )  # fmt: skip
        for name, status in asked.items():
            case = ElementTree.SubElement(suite, "testcase", classname=harmless(row["file"]), name=name)
            if status == "PASS":
                continue
            kind = "failure" if status in {"FAIL", "TODO"} else "error"
            note = next((note for note in notes if note.startswith(f"[{name}]")), row["note"] if name == "-" else "")
            ElementTree.SubElement(case, kind, type=status, message=harmless(note) or status)
    ElementTree.indent(root)
    write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


# -- the report -----------------------------------------------------------------------------------------------

STATUS = {
    "PASS": Bilingual("통과했습니다", "passed"),
    "FAIL": Bilingual("답이 다릅니다", "the answer differs"),
    "ERROR": Bilingual("실행 중 오류가 났습니다", "stopped with an error"),
    "TIMEOUT": Bilingual("시간이 다 되었습니다", "ran out of time"),
    "MEMORY": Bilingual("한도보다 많이 썼습니다", "used more than it may"),
    "CRASH": Bilingual("커널이 죽었습니다", "the kernel died"),
    "INVALID": Bilingual("제출물이 아닙니다", "no submission"),
    "TODO": Bilingual("아직 쓰지 않았습니다", "not written yet"),
}
LABELS = {
    "call": Bilingual("호출", "call"),
    "expected": Bilingual("기대한 값", "expected"),
    "got": Bilingual("받은 값", "got"),
    "printed": Bilingual("출력한 글", "printed"),
}
assert set(STATUS) == set(STATUSES) == set(WORST_FIRST)


def report(row: Row, language: str) -> str:
    """What the learner reads about one file: Markdown, in the language asked for."""
    lines = [f"# {in_line(row.file)}", ""]
    if row.invalid:
        return "\n".join([*lines, f"INVALID · {said(INVALID[row.invalid], language)}", ""])
    if row.broken:
        sentence = Bilingual(
            "채점기가 실패했습니다. 제출물의 잘못이 아닙니다. 다시 채점하십시오.",
            "The grader failed. That is not the submission's fault. Grade it again.",
        )
        return "\n".join([*lines, f"{UNGRADED} · {said(sentence, language)} ({in_line(row.broken)})", ""])
    passed = sum(graded.status == "PASS" for graded in row.graded)
    lines += [f"{row.lesson} · {passed}/{len(row.graded)} · {row.tier}", ""]
    for graded in row.graded:
        lines += _section(graded, language)
    return "\n".join(lines)


def _section(graded: Graded, language: str) -> list[str]:
    exercise, verdict = graded.exercise, graded.verdict
    title = said(exercise.title, language)
    lines = [f"## [{exercise.id}] {graded.status} · {title} · {said(STATUS[graded.status], language)}", ""]
    if graded.status == "PASS":
        return lines
    messages = [graded.message]
    if verdict and verdict.mistake:
        messages.append(verdict.message)
    for message in messages:
        for text in [message.ko, message.en] if language == "both" else [getattr(message, language)]:
            lines += [harmless(text), ""]
    for name, label in LABELS.items():
        value = harmless(getattr(verdict, name, "") or "").rstrip()
        if value:
            lines += [f"{said(label, language)}:", "", *(f"    {line}" for line in value.splitlines()), ""]
    if graded.status in {"FAIL", "ERROR"}:
        hint = exercise.hints[0]
        for text in [hint.ko, hint.en] if language == "both" else [getattr(hint, language)]:
            lines += [f"→ {text}", ""]
    return lines


def in_line(text: str) -> str:
    return re.sub(r"\s+", " ", harmless(text))
