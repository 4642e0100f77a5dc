"""The stream: a method is a generator of snapshots, and everything else consumes it.

``stream("rl2", "map", seed=0)`` is a training. ``record`` writes any stream to disk as it passes by; ``replay``
yields it back, so that whatever draws a training also draws a recording, without training.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pickle
import reprlib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_type_hints

import numpy as np
import torch

from course_lib.agents import (
    dpt, dream, e_rl2, first_explore, mame, metacure, pearl, rl2, rl2_replay, task_inference, varibad,
)  # fmt: skip
from course_lib.agents.evaluation import exact_belief_about
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.tasks import Trials, make_task, named_options


@dataclass(frozen=True)
class Method:
    """A way to train: the generator, and its settings by task, or by a task's size where sizes differ in them.

    Attributes:
        train: called as ``train(task, settings, generator, resume)``; yields snapshots.
        settings: name of a task → the method's settings there, a dataclass.
    Raises:
        CourseError: ``train`` can't be called so, or the settings are of another kind.
    """

    train: Callable[..., Iterator[Snapshot]]
    settings: dict

    def __post_init__(self) -> None:
        if not accepts(self.train, "task", "settings", "generator", "resume"):
            got = signature_of(self.train)
            raise CourseError(
                Bilingual(
                    "방법은 인자 네 개를 차례로 받는 함수여야 합니다: "
                    f"`def my_method(task, settings, generator, resume=None)`. 받은 것: {got}.",
                    "A method must be a function of four arguments in this order: "
                    f"`def my_method(task, settings, generator, resume=None)`. Got {got}.",
                )
            )
        known = isinstance(self.settings, dict) and self.settings
        if not known or not all(is_dataclass(one) and not isinstance(one, type) for one in self.settings.values()):
            raise CourseError(
                Bilingual(
                    "방법의 설정은 태스크의 이름과 데이터클래스로 된 dict여야 합니다. "
                    f'`{{"homework-map": PlanSettings()}}`처럼 주십시오. 받은 것: {reprlib.repr(self.settings)}.',
                    "The settings of a method must be a dict of names of tasks and dataclasses. Give "
                    f'`{{"homework-map": PlanSettings()}}` or the like. Got {reprlib.repr(self.settings)}.',
                )
            )


def accepts(function: object, *arguments: object) -> bool:
    """Whether it is a function that can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:  # no function, or one of other arguments
        return False
    except ValueError:  # one written in C that does not say
        return True
    return True


def signature_of(function: object) -> str:
    """A function's name and arguments, or the type of something else."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        return f"`{name}{inspect.signature(function)}`"
    except (TypeError, ValueError):  # no function, or one written in C that does not say
        return f"`{name}`"


METHODS = {
    "rl2": Method(rl2.train, rl2.SETTINGS),
    "e-rl2": Method(e_rl2.train, e_rl2.SETTINGS),
    "rl2-replay": Method(rl2_replay.train, rl2_replay.SETTINGS),
    "dream": Method(dream.train, dream.SETTINGS),
    "pearl": Method(pearl.train, pearl.SETTINGS),
    "mame": Method(mame.train, mame.SETTINGS),
    "metacure": Method(metacure.train, metacure.SETTINGS),
    "varibad": Method(varibad.train, varibad.SETTINGS),
    "first-explore": Method(first_explore.train, first_explore.SETTINGS),
    "dpt": Method(dpt.train, dpt.SETTINGS),
    "task-inference": Method(task_inference.train, task_inference.SETTINGS),
}

KINDS = {  # of values that a setting may have: what a learner is told to give
    int: Bilingual("정수", "a whole number"),
    float: Bilingual("수", "a number"),
    bool: Bilingual("True나 False", "True or False"),
    str: Bilingual("문자열", "a string"),
    NoneType: Bilingual("None", "None"),
}
LEAST = {"updates": 0, "evaluate_every": 1}  # settings that every method counts by


def method_settings(method: str, task: str, **overrides):
    """The settings of a method on a task, with some of them replaced.

    A size without settings of its own has those that agree with it in most options: "bandit arms=3 pulls=100"
    those of "bandit pulls=100" rather than those of "bandit".

    Raises:
        CourseError: unknown method, task, option of the task, or setting; a value that the setting can't have.
    """
    found = known_or_error(METHODS, method, Bilingual("방법", "method"))
    bare, options = named_options(task)
    if bare not in found.settings:
        takes = ", ".join(found.settings)
        raise CourseError(
            Bilingual(
                f"{method}은(는) {bare}에서 학습하지 않습니다. 다음 중 하나를 주십시오: {takes}.",
                f"{method} has no settings for {bare}. Give one of: {takes}.",
            )
        )
    closest, most = bare, 0
    for name in found.settings:
        other, theirs = name.split()[0], name.split()[1:]
        if other == bare and set(theirs) <= {f"{o}={v}" for o, v in options.items()} and len(theirs) > most:
            closest, most = name, len(theirs)
    settings = found.settings[closest]
    hints = get_type_hints(type(settings))
    overrides = {name: plain(value) for name, value in overrides.items()}
    for name, value in overrides.items():
        hint = known_or_error({f.name: hints[f.name] for f in fields(settings)}, name, Bilingual("설정", "setting"))
        require_setting(name, value, get_args(hint) if isinstance(hint, UnionType) else (hint,))
    return replace(settings, **overrides)


def plain(value):
    """A number of NumPy's as the same number of Python's, so that seeds may come from ``np.arange``."""
    return value.item() if isinstance(value, np.generic) else value


def require_setting(name: str, value: object, kinds: tuple[type, ...]) -> None:
    """Refuse a value that a setting can't have, before anything is trained with it.

    Args:
        kinds: what the setting may be. A method of the learner's own may have others than ours, which aren't looked at.
    Raises:
        CourseError: the value is of none of these kinds, or too small.
    """
    if not set(kinds) <= KINDS.keys():
        return
    # An integer will do for a number; True and False, integers to Python, are none to a reader.
    accepted = (*kinds, int) if float in kinds else kinds
    fits = isinstance(value, accepted) and (bool in kinds or not isinstance(value, bool))
    if not fits:
        expected = Bilingual(*(between.join(words) for between, words in zip(
            (" 또는 ", " or "), zip(*(KINDS[kind] for kind in kinds), strict=True), strict=True
        )))  # fmt: skip
        raise refused(Bilingual(f"설정 {name}", f"setting {name}"), value, expected)
    if name in LEAST and value < LEAST[name]:
        least = LEAST[name]
        expected = Bilingual(f"{least} 이상의 정수", f"a whole number of at least {least}")
        raise refused(Bilingual(f"설정 {name}", f"setting {name}"), value, expected)


def refused(what: Bilingual, value: object, expected: Bilingual) -> CourseError:
    """What is said of a value that can't be used, such as "The seed can't be '0'. Give a whole number."."""
    got = reprlib.repr(value)
    return CourseError(
        Bilingual(
            f"{what.ko}에는 {got}을(를) 쓸 수 없습니다. 다음을 주십시오: {expected.ko}.",
            f"The {what.en} can't be {got}. Give {expected.en}.",
        )
    )


def stream(
    method: str,
    task: str,
    seed: int = 0,
    *,
    resume: dict | None = None,
    device: str = "cpu",
    functions: dict[str, Callable] | None = None,
    **overrides,
) -> Iterator[Snapshot]:
    """Train ``method`` on ``task``, one snapshot at a time.

    Args:
        task: a name as ``make_task`` takes it, such as "map" or "bandit arms=10 pulls=100".
        seed: of the generator from which every random draw of the training comes.
        resume: a ``snapshot.checkpoint()`` of the same method and task, of the same size.
        functions: the learner's own functions, in place of the reference ones (see the method's ``train``).
        overrides: settings to replace, such as ``updates=50``.
    Raises:
        CourseError: unknown method, task, option of the task, setting, device or function; a seed or the value of a
            setting that can't be; a checkpoint that is none, or one of another method or task. And when the first
            snapshot is asked for: the method yields none.
    """
    settings = method_settings(method, task, **overrides)
    made = make_task(task)
    if resume is not None and not (isinstance(resume, dict) and {"method", "task"} <= resume.keys()):
        raise CourseError(
            Bilingual(
                f"resume에는 체크포인트(snapshot.checkpoint()가 준 dict)를 주십시오. 받은 값: {reprlib.repr(resume)}. 저장한 "
                "파일은 course_lib.training의 load_whole로 읽습니다: resume=load_whole('파일 이름').",
                f"resume takes a checkpoint, the dict that snapshot.checkpoint() gave. Got {reprlib.repr(resume)}. A "
                "saved file is read by load_whole of course_lib.training: resume=load_whole('name of the file').",
            )
        )
    if resume is not None and (resume["method"], resume["task"]) != (method, made.name):
        of = f"{resume['method']} {resume['task']}"
        raise CourseError(
            Bilingual(
                f"이 체크포인트는 {of}의 것이고 {method} {made.name}의 것이 아닙니다. "
                "같은 방법과 같은 크기의 태스크로 저장한 파일을 주십시오.",
                f"This checkpoint is one of {of}, not of {method} {made.name}. "
                "Give one saved by the same method on the same task of the same size.",
            )
        )
    functions = checked_functions(method, functions or {})
    train = METHODS[method].train
    snapshots = train(made, settings, seeded(seed, device), resume, **functions)
    return only_snapshots(snapshots, f"`{getattr(train, '__name__', method)}`", made.name, finished=resume is not None)


def only_snapshots(yielded: Iterator[Snapshot], method: str, task: str, finished: bool) -> Iterator[Snapshot]:
    """What a method yields, as long as each is a snapshot of this task, and there is one.

    Args:
        finished: it goes on from a checkpoint, which may be that of its end: then there may be none.

    Raises:
        CourseError: the method returns something instead, or yields nothing, or something else; or it was judged on
            another task.
    """
    number = 0
    with contextlib.ExitStack() as at_the_end:
        if hasattr(yielded, "close"):
            at_the_end.callback(yielded.close)
        for number, snapshot in enumerate(yielded if isinstance(yielded, Iterator) else (), start=1):
            if not isinstance(snapshot, Snapshot):
                raise no_snapshot(method, f"{number}. {reprlib.repr(snapshot)}")
            if snapshot.task != task:
                raise CourseError(
                    Bilingual(
                        f"방법 {method}은(는) {task}에서 학습해야 하는데 {snapshot.task}에서 평가했습니다. 받은 `task`를 그대로 `look`에 "
                        "넘기십시오.",
                        f"The method {method} is to train on {task}, and was judged on {snapshot.task}. Pass the `task` that it "
                        "was given on to `look`.",
                    )
                )
            yield snapshot
    if not number and not (finished and isinstance(yielded, Iterator)):
        raise no_snapshot(method)


def no_snapshot(method: str, got: str = "") -> CourseError:
    """What is said of a method that yields nothing, or at some time something that is no snapshot."""
    yielded = Bilingual(f" 내놓은 것: {got}.", f" Yielded: {got}.") if got else Bilingual("", "")
    return CourseError(
        Bilingual(
            f"방법 {method}이(가) 스냅샷을 내놓지 않았습니다. 적어도 한 번, 처음에는 학습하기 전에 "
            f"`yield look(...)`으로 내놓으십시오. `return`이 아니라 `yield`입니다.{yielded.ko}",
            f"The method {method} gave no snapshot. Yield at least one `look(...)`, the first before training: "
            f"`yield`, not `return`.{yielded.en}",
        )
    )


def seeded(seed: int, device: str) -> torch.Generator:
    """The generator of a training.

    Raises:
        CourseError: the seed is no integer of 64 bits, or there is no such device.
    """
    seed = plain(seed)
    if not isinstance(seed, int) or isinstance(seed, bool) or not -(2**63) <= seed < 2**64:
        raise refused(Bilingual("시드", "seed"), seed, Bilingual("64비트 정수", "a whole number of 64 bits"))
    try:
        generator = torch.Generator(device)
    except (RuntimeError, TypeError) as error:
        known = Bilingual("'cpu' 또는 NVIDIA GPU가 있으면 'cuda'", "'cpu' or, where there is an NVIDIA GPU, 'cuda'")
        raise refused(Bilingual("장치", "device"), device, known) from error
    return generator.manual_seed(seed)


def checked_functions(method: str, functions: dict[str, Callable]) -> dict[str, Callable]:
    """The learner's own functions, if the method takes them: ``train`` names those by keywords only.

    Raises:
        CourseError: they come in no dict, one has an unknown name, or one is no function.
    """
    if not isinstance(functions, dict):
        expected = Bilingual("이름과 함수의 dict", "a dict of names and functions")
        raise refused(Bilingual("인자 functions", "argument functions"), functions, expected)
    takes = {
        one.name: one
        for one in inspect.signature(METHODS[method].train).parameters.values()
        if one.kind is one.KEYWORD_ONLY and (callable(one.default) or "Callable" in str(one.annotation))
    }
    for name, function in functions.items():
        known_or_error(takes, name, Bilingual("함수", "function"))
        if not callable(function):
            raise refused(Bilingual(f"함수 {name}", f"function {name}"), function, Bilingual("함수", "a function"))
    return functions


def use_one_thread() -> None:
    """Let torch compute in one thread; a lesson and ``course train`` call this once, at their start.

    Our tensors are small: a second thread gains little on an idle machine, loses tenfold on a busy one, keeps
    the notebook from the other core, and changes the order of sums, so the same seed would give other numbers.
    """
    torch.set_num_threads(1)


# -- recordings -------------------------------------------------------------------------------------------------


def snapshot_to_dict(snapshot: Snapshot, keep: torch.Tensor | None = None) -> dict:
    """A snapshot as small plain data: no checkpoint, no belief (it follows exactly from the trials), a byte
    for each hidden unit, and of the trials only those in ``keep``."""
    data = {f.name: getattr(snapshot, f.name) for f in fields(snapshot)}
    del data["checkpoint"], data["belief"]
    trials = snapshot.trials if keep is None else snapshot.trials.map(lambda column: column[keep])
    small = {torch.int64: torch.int16, torch.float32: torch.float16}
    if snapshot.learned_belief is not None:  # a byte for each chance
        learned = snapshot.learned_belief if keep is None else snapshot.learned_belief[keep]
        data["learned_belief"] = (255 * learned).round().to(torch.uint8)
    if snapshot.gain is not None:
        data["gain"] = (snapshot.gain if keep is None else snapshot.gain[keep]).to(torch.float16)
    if snapshot.spread is not None:
        data["spread"] = (snapshot.spread if keep is None else snapshot.spread[keep]).to(torch.float16)
    data["trials"] = {
        name: column.to(small.get(column.dtype, column.dtype)) for name, column in vars(trials).items()
    }
    if snapshot.hidden is not None:
        hidden = snapshot.hidden if keep is None else snapshot.hidden[keep]
        data["hidden_unit"] = max(1.0, float(hidden.abs().max())) / 127  # a GRU's lie between −1 and 1, others don't
        data["hidden"] = (hidden / data["hidden_unit"]).round().to(torch.int8)
    return data


def snapshot_from_dict(data: dict) -> Snapshot:
    """The inverse of ``snapshot_to_dict``, up to its rounding."""
    wide = {torch.int16: torch.int64, torch.float16: torch.float32}
    trials = Trials(**{name: column.to(wide.get(column.dtype, column.dtype)) for name, column in data["trials"].items()})
    task = make_task(data["task"])
    if trials.action.shape[1] > task.trial.length:
        raise CourseError(
            Bilingual(
                f"기록의 트라이얼은 {trials.action.shape[1]}걸음이지만 {task.name}의 트라이얼은 길어야 "
                f"{task.trial.length}걸음입니다. 이 태스크의 같은 크기에서 만든 기록을 주십시오.",
                f"The recorded trials have {trials.action.shape[1]} steps, but those of {task.name} have at most "
                f"{task.trial.length}. Give a recording of this task in the same size.",
            )
        )
    belief = exact_belief_about(task, trials)
    unit = data.pop("hidden_unit", 1 / 127)
    hidden = None if data["hidden"] is None else data["hidden"].float() * unit
    learned = None if data.get("learned_belief") is None else data["learned_belief"].float() / 255
    gain = None if data.get("gain") is None else data["gain"].float()
    spread = None if data.get("spread") is None else data["spread"].float()
    arrays = dict(trials=trials, hidden=hidden, belief=belief, learned_belief=learned, gain=gain, spread=spread)
    return Snapshot(**data | arrays)


def record(
    snapshots: Iterator[Snapshot], path: str | Path, keep: torch.Tensor | None = None
) -> Iterator[Snapshot]:
    """Pass a stream on and keep it; the file appears, whole, when the stream ends or is closed.

    Args:
        keep: which trials of each snapshot to keep, as indices; all if None.
    Raises:
        CourseError: the folder of ``path`` can't be written to. Said before training begins.
    """
    path = Path(path)
    save_whole({"snapshots": []}, path.with_name(path.name + ".probe")).unlink()
    kept = []
    try:
        for snapshot in snapshots:
            kept.append(snapshot_to_dict(snapshot, keep))
            yield snapshot
    finally:
        save_whole({"snapshots": kept}, path, deflated=True)


def save_whole(content: dict, path: Path, deflated: bool = False) -> Path:
    """``torch.save`` to a temporary name, then rename: a file of this name is always whole.

    Args:
        deflated: compress it. A recording, where one moment is much like the next, becomes up to twelve times smaller.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save(content, partial)
        if deflated:
            deflate(partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise CourseError(
            Bilingual(
                f"'{path}'에 쓸 수 없습니다({error}). 쓸 수 있는 폴더와 남은 디스크 공간을 확인하십시오.",
                f"'{path}' can't be written ({error}). Check that the folder is writable and the disk has room.",
            )
        ) from error
    return path


def deflate(path: Path) -> None:
    """Compress in place what ``torch.save`` wrote: a zip that only stores. ``torch.load`` reads either."""
    with zipfile.ZipFile(path) as stored:
        parts = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as smaller:
        for name, content in parts.items():
            smaller.writestr(name, content)


def load_whole(path: str | Path) -> dict:
    """Read what ``save_whole`` wrote: tensors and plain data only, no code.

    Raises:
        CourseError: there is no such file, or it is not one of ours.
    """
    try:
        return torch.load(path, weights_only=True)
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise CourseError(
            Bilingual(
                f"'{path}'을(를) 읽을 수 없습니다. 이 과정이 저장한 파일인지, 온전한지 확인하십시오.",
                f"'{path}' can't be read. Check that it is a file saved by this course, and whole.",
            )
        ) from error


def replay(path: str | Path) -> Iterator[Snapshot]:
    """Yield the snapshots of a recording, in order."""
    for data in load_whole(path)["snapshots"]:
        yield snapshot_from_dict(data)
