"""The first cell of every lesson, and the two small things that every lesson shows: real code, and recordings."""

from __future__ import annotations

import inspect
import json
import reprlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from IPython import get_ipython

import course_lib
from course_lib import out_of_order
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.lesson import cards
from course_lib.lesson.exercise import exercises_of
from course_lib.lesson.language import language_switch
from course_lib.training import refused, replay, use_one_thread
from course_lib.views.live import play_recordings

LESSONS = {
    "00": Bilingual("여기서 시작합니다", "Start here"),
    "01": Bilingual("종단간 최적화의 한계", "The limits of end-to-end optimisation"),
    "02": Bilingual("잠재 변수 z와 사후 샘플링", "Latent z and posterior sampling"),
    "03": Bilingual("탐험과 실행을 나눕니다", "Decoupling exploration from execution"),
    "04": Bilingual("다른 해법들", "Other solutions"),
    "05": Bilingual("정면 비교", "Head to head"),
}


def start(lesson: str, recorded: bool = False):
    """Load a lesson's exercises and show the language switch.

    Args:
        recorded: play the recording of every training of the lesson in its place, for whoever has seconds, not minutes.
    Raises:
        CourseError: there is no such lesson; ``recorded`` is neither True nor False.
    """
    title = known_or_error(LESSONS, lesson, Bilingual("강의", "lesson"))
    if not isinstance(recorded, bool):
        expected = Bilingual("True나 False", "True or False")
        raise refused(Bilingual("인자 recorded", "argument recorded"), recorded, expected)
    play_recordings(recorded)
    use_one_thread()
    if (shell := get_ipython()) is not None:
        out_of_order.load_ipython_extension(shell)
    exercises = exercises_of(lesson)
    minutes = sum(exercise.minutes for exercise in exercises)
    ready = Bilingual(
        f"준비되었습니다. 연습 {len(exercises)}개, 모두 {minutes}분쯤 걸립니다." if exercises else "준비되었습니다.",
        f"Ready. {len(exercises)} exercises, about {minutes} minutes in all." if exercises else "Ready.",
    )
    if recorded:
        played = Bilingual(" 학습은 모두 미리 해 둔 기록으로 봅니다.", " All trainings are played from recordings.")
        ready = Bilingual(*(said + more for said, more in zip(ready, played, strict=True)))
    cards.show(cards.panel("good", cards.heading("✓", lesson, title, "good"), cards.words(ready)))
    return language_switch()


def show_code(*things) -> None:
    """Show the source of the library's own functions and classes: what runs, not a copy of it.

    Raises:
        CourseError: one of them is no function or class of the course.
    """
    for thing in map(inspect.unwrap, things):  # of a decorated function, its own file and not the decorator's
        path = source_path(thing)
        label = Bilingual(f"`{path}`에서", f"from `{path}`")
        cards.show(cards.quiet(label) + cards.python(inspect.getsource(thing)))


def show_lines(thing, first: str, last: str) -> None:
    """Show a part of the library's own source: of ``thing``, from the line that holds ``first`` to one with ``last``.

    Raises:
        CourseError: there is no such line any more, so that a lesson can't show something else unnoticed; or it is no
            function or class of the course.
    """
    thing = inspect.unwrap(thing)
    path = source_path(thing)
    source, _ = inspect.getsourcelines(thing)
    begin = next((number for number, line in enumerate(source) if first in line), None)
    end = next((number for number, line in enumerate(source) if last in line and number >= (begin or 0)), None)
    if begin is None or end is None:
        missing = first if begin is None else last
        raise CourseError(
            Bilingual(
                f"`{thing.__qualname__}`에 `{missing}`이(가) 들어 있는 줄이 없습니다. 강의의 이 셀을 코드에 맞추십시오.",
                f"`{thing.__qualname__}` has no line with `{missing}`. Bring this cell of the lesson in line with the code.",
            )
        )
    label = Bilingual(f"`{path}`의 `{thing.__name__}`에서", f"from `{thing.__name__}` in `{path}`")
    cards.show(cards.quiet(label) + cards.python(textwrap.dedent("".join(source[begin : end + 1]))))


def source_path(thing) -> str:
    """The file in which a function or class of the course is written, as seen from the repository's folder.

    Raises:
        CourseError: it is something else, or is written elsewhere, as in a cell of a notebook.
    """
    try:
        return Path(inspect.getsourcefile(thing)).relative_to(Path(course_lib.__file__).parents[1]).as_posix()
    except (TypeError, ValueError, OSError) as error:  # no function or class; in no folder of ours; in no file
        name = getattr(thing, "__qualname__", reprlib.repr(thing))
        raise CourseError(
            Bilingual(
                f"`{name}`은(는) 이 과정의 함수나 클래스가 아니어서 보여 줄 파일이 없습니다. course_lib의 함수나 클래스를 주십시오.",
                f"`{name}` is no function or class of this course, so there is no file to show. "
                "Give one of course_lib.",
            )
        ) from error


def figures_folder() -> Path:
    """Where the recorded results and pictures of the course lie.

    Raises:
        CourseError: the library was installed without them.
    """
    folder = Path(course_lib.__file__).parents[1] / "figures"
    if not folder.is_dir():
        raise CourseError(
            Bilingual(
                "기록이 들어 있는 figures 폴더가 없습니다. 강의 저장소를 통째로 받아 그 안에서 노트북을 여십시오.",
                "The folder figures, with the recordings, is missing. Get the whole repository and open the notebook in it.",
            )
        )
    return folder


def recorded(name: str, part: str):
    """One part of a measurement that ships with the course, such as ``recorded("coupling.json", "runs")``.

    Raises:
        CourseError: the file is not there, or can't be read.
    """
    path = figures_folder() / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))[part]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise lost(name) from error


def recorded_picture(name: str) -> bytes:
    """A PNG that ``make figures`` drew of a measurement, such as ``recorded_picture("revealing_arm_en.png")``.

    Raises:
        CourseError: the file is not there, or can't be read.
    """
    try:
        return (figures_folder() / name).read_bytes()
    except OSError as error:
        raise lost(name) from error


def require_parts(name: str, measured: Mapping, parts: Iterable[str]) -> None:
    """See that a measurement holds all that a figure needs of it: one that was interrupted holds only its beginning.

    Args:
        name: of the file in figures/.
        measured: what was read of it; a part that is empty counts as missing.
    Raises:
        CourseError: a part is missing.
    """
    missing = ", ".join(part for part in parts if not measured.get(part))
    if missing:
        raise CourseError(
            Bilingual(
                f"`figures/{name}` 파일에 이 셀이 보여 줄 측정이 없습니다: {missing}. `git restore figures/{name}`으로 "
                "되돌리거나, 중단한 측정을 끝까지 실행하십시오.",
                f"The file `figures/{name}` lacks what this cell shows: {missing}. Bring it back with "
                f"`git restore figures/{name}`, or let the measurement that was interrupted go on to its end.",
            )
        )


def lost(name: str) -> CourseError:
    """What is said of a file in figures/ that is not there, or is no longer what was measured."""
    return CourseError(
        Bilingual(
            f"잰 값이 들어 있는 `figures/{name}` 파일이 없거나 손상되었습니다. "
            f"`git restore figures/{name}`으로 되돌리거나 강의 저장소를 다시 받으십시오.",
            f"The file `figures/{name}`, with what was measured, is missing or damaged. "
            f"Bring it back with `git restore figures/{name}`, or get the repository anew.",
        )
    )


def recording(name: str) -> Iterator[Snapshot]:
    """A recorded training that ships with the course, such as ``recording("rl2_map")``."""
    return replay(figures_folder() / f"{name}.recording")
