"""What a learner has done so far: one readable JSON file beside the notebooks, nothing else.

The file is ``progress.json`` in the notebook's folder; copying it is exporting it. The environment variable
COURSE_PROGRESS names another file, or is ``off``: then nothing is read or written, as in tests and on CI.
Progress never stops a lesson: a file that cannot be read is set aside under another name, and a file that
cannot be written is a sentence.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path

from course_lib.bilingual import Bilingual
from course_lib.lesson import cards

VERSION = 1


def progress_file() -> Path | None:
    """Where progress is kept, or None when it is switched off."""
    setting = os.environ.get("COURSE_PROGRESS", "")
    if setting.lower() in {"off", "0", "no"}:
        return None
    return Path(setting or "progress.json").absolute()


def recorded() -> dict:
    """Everything recorded so far: ``{"version": 1, "exercises": {id: …}, "predictions": {id: …}}``."""
    return _read(progress_file()) or _empty()


def record_check(exercise_id: str, outcome: str) -> None:
    """Count one call of ``check``; TODO is not an attempt. A solved exercise stays solved."""

    def change(record: dict) -> None:
        entry = _entry(record, exercise_id)
        if outcome != "TODO":
            entry["attempts"] += 1
        if outcome == "PASS" and entry["solved"] is None:
            entry["solved"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

    _update(change)


def record_hint(exercise_id: str, number: int) -> None:
    """Remember the furthest hint that was read (4: the solution)."""

    def change(record: dict) -> None:
        entry = _entry(record, exercise_id)
        entry["hints"] = max(entry["hints"], number)

    _update(change)


def record_prediction(prediction_id: str, value: object) -> None:
    """Remember what the learner predicted."""
    _update(lambda record: record["predictions"].__setitem__(prediction_id, {"value": value}))


def progress_table(exercises: list) -> str:
    """The table of all given exercises, as HTML in both languages."""
    entries = recorded()["exercises"]
    lines, solved = [], 0
    for exercise in exercises:
        entry = _blank() | entries.get(exercise.id, {})
        solved += entry["solved"] is not None
        lines.append((
            exercise.id,
            cards.words(exercise.title),
            cards.dots(exercise.difficulty),
            cards.words(Bilingual(ko=f"{exercise.minutes}분", en=f"{exercise.minutes} min")),
            cards.words(_state(entry)),
        ))
    total = Bilingual(ko=f"{len(lines)}개 중 {solved}개를 풀었습니다.", en=f"{solved} of {len(lines)} solved.")
    path = progress_file()
    place = (
        Bilingual(ko="진도 기록이 꺼져 있습니다.", en="Recording of progress is switched off.")
        if path is None
        else Bilingual(
            ko=f"이 기록은 이 컴퓨터의 `{path.name}` 파일에만 있습니다. 옮기려면 그 파일을 복사하십시오.",
            en=f"This record lives only in `{path.name}` on this computer. To move it, copy that file.",
        )
    )
    header = tuple(
        cards.words(Bilingual(*pair))
        for pair in (
            ("연습", "Exercise"), ("제목", "Title"), ("난이도", "Difficulty"), ("시간", "Time"), ("상태", "State"),
        )
    )
    heading = cards.heading("▤", "", Bilingual(ko="진도", en="Progress"), "calm")
    return cards.panel("calm", heading, cards.words(total), cards.table(header, lines), cards.quiet(place))


def _state(entry: dict) -> Bilingual:
    helped = (
        Bilingual("", "")
        if not entry["hints"]
        else Bilingual(" · 풀이를 봄", " · solution seen")
        if entry["hints"] > 3
        else Bilingual(f" · 힌트 {entry['hints']}개", f" · {entry['hints']} hint{'s' * (entry['hints'] > 1)}")
    )
    if entry["solved"] is not None:
        return Bilingual("✓ 해결" + helped.ko, "✓ solved" + helped.en)
    if entry["attempts"]:
        times = "once" if entry["attempts"] == 1 else f"{entry['attempts']} times"
        return Bilingual(f"◐ {entry['attempts']}번 시도{helped.ko}", f"◐ tried {times}{helped.en}")
    return Bilingual("○ 아직" + helped.ko, "○ not yet" + helped.en)


def _read(path: Path | None) -> dict | None:
    """The content of the file; None where there is one that must not be overwritten."""
    if path is None or not path.exists():
        return _empty()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        _say(Bilingual(
            ko=f"진도 파일 {path.name}을 읽을 수 없습니다({problem.strerror}). 파일 권한을 확인하십시오.",
            en=f"The progress file {path.name} cannot be read ({problem.strerror}). Check its permissions.",
        ))
        return None
    except (ValueError, RecursionError):  # broken JSON and broken UTF-8 are both ValueErrors
        content = None
    if _is_progress(content):
        return _empty() | content
    return _empty() if _set_aside(path) else None


def _empty() -> dict:
    return {"version": VERSION, "exercises": {}, "predictions": {}}


def _blank() -> dict:
    return {"solved": None, "attempts": 0, "hints": 0}


def _entry(record: dict, exercise_id: str) -> dict:
    entry = record["exercises"][exercise_id] = _blank() | record["exercises"].get(exercise_id, {})
    return entry


def _is_progress(content: object) -> bool:
    """True when a JSON value has the shape that the rest of this file relies on."""
    if not isinstance(content, dict):
        return False
    exercises, predictions = content.get("exercises", {}), content.get("predictions", {})
    if not isinstance(exercises, dict) or not isinstance(predictions, dict):
        return False
    return all(
        isinstance(entry, dict)
        and isinstance(entry.get("attempts", 0), int)
        and isinstance(entry.get("hints", 0), int)
        and isinstance(entry.get("solved"), (str, type(None)))
        for entry in exercises.values()
    )


def _update(change: Callable[[dict], object]) -> None:
    """Read, change and write at once: a second notebook's kernel may have written in between."""
    path = progress_file()
    if path is None:
        return
    record = _read(path)
    if record is None:
        return
    change(record)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        _say(Bilingual(
            ko=f"진도를 {path.name}에 쓸 수 없습니다({problem.strerror}). 강의는 그대로 계속할 수 있습니다.",
            en=f"Progress cannot be written to {path.name} ({problem.strerror}). The lesson goes on.",
        ))


def _set_aside(path: Path) -> bool:
    number = 1
    while (kept := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    try:
        path.replace(kept)
    except OSError:
        return False
    _say(Bilingual(
        ko=f"진도 파일 {path.name}이 손상되어 {kept.name}(으)로 따로 보관하고 새로 시작했습니다.",
        en=f"The progress file {path.name} was damaged; it is kept as {kept.name} and a new one was begun.",
    ))
    return True


def _say(message: Bilingual) -> None:
    cards.show(cards.panel("careful", cards.heading("!", "", Bilingual("진도", "Progress"), "careful"),
                           cards.words(message)))
