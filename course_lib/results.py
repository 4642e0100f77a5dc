"""The whole table: methods × tasks × seeds, trained side by side, one file for each training.

``course results`` is this from the command line. A training that is done has its file and is not done again, so
an interrupted table goes on where it was; a file that is broken is named and its training done anew. joblib runs
the trainings, on this machine's cores or, with the address of a Dask cluster, on that.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from course_lib import training
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error, shown_as_sentence
from course_lib.tasks import TASKS, task_name

REACHED = 0.95  # of the optimum, kept to the end, is the target whose seconds are told
CURVE_POINTS = 60  # kept of a learning curve
MEASURED = ("test_return", "seconds", "env_steps", "seconds_to_target")


class Cell(NamedTuple):
    """One training."""

    method: str
    task: str
    seed: int

    def path(self, folder: Path) -> Path:
        return folder / f"{self.method}_{self.task.replace(' ', ',')}_{self.seed}.json"


def cells(methods: list[str], tasks: list[str], seeds: int, first_seed: int = 0) -> list[Cell]:
    """Every training of these methods on these of their tasks, with ``seeds`` seeds from ``first_seed`` on.

    An empty list means all: of tasks, those that the methods have settings for, in each size that has its own.

    Raises:
        CourseError: an unknown name, or no method has settings for any of the tasks.
    """
    for method in methods:
        known_or_error(training.METHODS, method, Bilingual("방법", "method"))
    asked = [task_name(task) for task in tasks]
    found = []
    for method in methods or training.METHODS:
        settings = training.METHODS[method].settings
        for task in asked or settings:
            bare = task.split()[0]
            if bare in settings and bare in TASKS:  # a method may have settings for a task of its own, too
                found += [Cell(method, task, seed) for seed in range(first_seed, first_seed + seeds)]
    if not found:
        raise CourseError(
            Bilingual(
                f"{', '.join(methods)}은(는) {', '.join(tasks)}에서 학습하지 않습니다. 다른 태스크를 주십시오.",
                f"{', '.join(methods)} has no settings for {', '.join(tasks)}. Give other tasks.",
            )
        )
    return found


def more_seeds(wanted: list[Cell], folder: Path) -> list[Cell]:
    """Trainings on disk of the same methods and tasks with other seeds: they belong into the same rows."""
    rows = {(cell.method, cell.task) for cell in wanted}
    found = []
    for path in sorted(folder.glob("*_*_*.json")):
        method, task, seed = path.stem.rsplit("_", 2)
        if seed.isdecimal() and (method, task.replace(",", " ")) in rows:
            found.append(Cell(method, task.replace(",", " "), int(seed)))
    return [cell for cell in found if cell not in wanted]


def train_cell(cell: Cell, overrides: dict | None = None) -> dict:
    """Train once and say what came out, as plain data."""
    training.use_one_thread()
    settings = training.method_settings(cell.method, cell.task, **(overrides or {}))
    curve, last, began = [], None, time.process_time()
    for last in training.stream(cell.method, cell.task, cell.seed, **(overrides or {})):
        curve.append((last.env_steps, round(last.seconds, 2), last.metrics.get("test_return")))
    references = {name: value for name, value in last.references.items() if math.isfinite(value)}
    thinned = curve[:: max(1, math.ceil(len(curve) / CURVE_POINTS))]
    return dict(
        **cell._asdict(),
        settings=asdict(settings),
        test_return=finite(last.metrics.get("test_return")),
        env_steps=last.env_steps,
        updates=last.update,
        seconds=round(last.seconds, 2),
        cpu_seconds=round(time.process_time() - began, 2),  # judging included: on a busy machine, seconds may be more
        seconds_to_target=seconds_to_target(curve, references),
        references=references,
        metrics={name: finite(value) for name, value in last.metrics.items()},
        curve=[[steps, seconds, finite(value)] for steps, seconds, value in [*thinned, curve[-1]]],
        versions=versions(),
    )


def seconds_to_target(curve: list[tuple], references: dict[str, float]) -> float | None:
    """Training seconds after which the return on test problems never fell below ``REACHED`` of the way from not
    exploring to the optimum; None if it ends below, or if one of the two is not known."""
    if not {"optimal_return", "no_exploration_return"} <= references.keys():
        return None
    worst, best = references["no_exploration_return"], references["optimal_return"]
    target, reached = worst + REACHED * (best - worst), None
    for _, seconds, value in reversed(curve):
        if value is None or not value >= target:
            break
        reached = seconds
    return reached


def finite(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if value is not None and math.isfinite(value) else None


def versions() -> dict[str, str]:
    """What a result depends on, besides its settings."""
    installed = {name: metadata.version(name) for name in ("torch", "numpy")}
    return dict(python=".".join(map(str, sys.version_info[:3])), **installed)


def write_whole(path: Path, content: bytes) -> None:
    """To a temporary name, then renamed: a file of this name is always whole."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


# -- what the scripts in figures/ share: many curves in one file, recordings, commands -----------------------------


def run_missing(
    path: Path, command: str, wanted: Iterable[tuple[str, int]], one_run: Callable[[str, int], list[dict]]
) -> None:
    """Make the runs that the file does not hold yet, one after the other; interrupted, it goes on where it was.

    Args:
        path: a JSON file: "command", "versions", and under "runs" variant → seed → a row a snapshot.
        command: by which the file is made, for whoever reads it.
        wanted: (variant, seed), in the order in which they are run.
        one_run: (variant, seed) → the rows of one training.
    """
    training.use_one_thread()
    recorded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    recorded |= dict(command=command, versions=versions())
    runs = recorded.setdefault("runs", {})
    for variant, seed in wanted:
        if str(seed) in runs.get(variant, {}):
            continue
        rows = one_run(variant, seed)
        runs.setdefault(variant, {})[str(seed)] = rows
        write_whole(path, json.dumps(recorded).encode("utf-8"))
        print(variant, seed, rows[-1], flush=True)


def print_ends(path: Path, names: Iterable[str]) -> None:
    """For each variant of such a file, where its runs ended: of each of these numbers median and range over seeds."""
    for variant, seeds in json.loads(path.read_text(encoding="utf-8"))["runs"].items():
        print(f"{variant} ({len(seeds)} seeds)")
        last = [rows[-1] for rows in seeds.values()]
        for name in names:
            values = [end[name] for end in last if name in end]
            if values:
                print(f"  {name}: median {statistics.median(values):.3f}, from {min(values):.3f} to {max(values):.3f}")


def record_anew(snapshots: Iterator[Snapshot], path: Path, keep: Tensor | None = None) -> Iterator[Snapshot]:
    """Pass a stream on and keep it, as ``training.record`` does; but only when it has ended does it take the place of
    the recording that ``path`` holds, so that an interrupted training leaves the one that ships with the course."""
    unfinished = path.with_name(path.name + ".unfinished.partial")
    try:
        yield from training.record(snapshots, unfinished, keep)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def main(commands: dict[str, Callable[..., None]], usual: str = "table") -> int:
    """Do what the command line names first, with what else it says, and return the exit status of the program.

    Args:
        commands: name → what is done. Each word after the name is an argument.
        usual: the command if none is named.
    """
    name, *more = sys.argv[1:] or [usual]
    try:
        command = known_or_error(commands, name, Bilingual("명령", "command"))
        try:
            inspect.signature(command).bind(*more)
        except TypeError as error:
            said = " ".join(more)
            raise CourseError(
                Bilingual(
                    f"'{name}' 뒤에는 '{said}'을(를) 쓸 수 없습니다. '{name}'만 주십시오.",
                    f"After '{name}' there can't be '{said}'. Give '{name}' alone.",
                )
            ) from error
        command(*more)
    except CourseError as error:
        return shown_as_sentence(error)
    return 0


# -- one file a training ----------------------------------------------------------------------------------------


def write_result(result: dict, path: Path) -> None:
    """As a file that is always whole."""
    write_whole(path, (json.dumps(result, ensure_ascii=False) + "\n").encode("utf-8"))


def read_result(cell: Cell, folder: Path, overrides: dict | None = None) -> dict | None:
    """What is on disk of a training; None if nothing is, or if it was done with other settings.

    Raises:
        CourseError: the file is there and is no result of this training.
    """
    path = cell.path(folder)
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        if tuple(result[name] for name in Cell._fields) != cell:
            raise ValueError("another training's")
        if not {*MEASURED, "settings", "references", "curve", "versions"} <= result.keys():
            raise ValueError("something is missing")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(
            Bilingual(
                f"'{path}'은(는) {cell.method} {cell.task} 시드 {cell.seed}의 결과가 아니거나 손상되었습니다. "
                "다시 학습합니다.",
                f"'{path}' is no result of {cell.method} {cell.task} seed {cell.seed}, or is damaged. It is done anew.",
            )
        ) from error
    settings = training.method_settings(cell.method, cell.task, **(overrides or {}))
    usual = asdict(type(settings)())  # of a setting that is newer than the file, which did without it
    return result if usual | result["settings"] == asdict(settings) else None


def done_and_missing(
    wanted: list[Cell], folder: Path, overrides: dict | None = None
) -> tuple[list[dict], list[Cell], list[CourseError]]:
    """Results on disk, trainings to do, and what is to be said of broken files."""
    done, missing, broken = [], [], []
    for cell in wanted:
        try:
            result = read_result(cell, folder, overrides)
        except CourseError as error:
            broken.append(error)
            result = None
        if result is None:
            missing.append(cell)
        else:
            done.append(result)
    return done, missing, broken


def run(
    missing: list[Cell], folder: Path, jobs: int = 1, dask: str | None = None, overrides: dict | None = None
) -> Iterator[dict]:
    """Train what is missing, and yield each result when its file is written.

    Args:
        jobs: trainings at once on this machine.
        dask: the address of a Dask scheduler, to train there instead.
    Raises:
        CourseError: the folder can't be written to, or no scheduler answers.
    """
    from joblib import Parallel, delayed

    make_folder(folder)
    with cluster(dask):
        # Unordered: a short training's file is written while a long one, begun before it, still runs.
        parallel = Parallel(n_jobs=-1 if dask else jobs, return_as="generator_unordered", batch_size=1)
        for result in parallel(delayed(train_cell)(cell, overrides) for cell in missing):
            write_result(result, Cell(*(result[name] for name in Cell._fields)).path(folder))
            yield result


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CourseError(
            Bilingual(
                f"'{folder}'에 쓸 수 없습니다({error.strerror}). 쓸 수 있는 폴더를 주십시오.",
                f"'{folder}' can't be written to ({error.strerror}). Give a writable folder.",
            )
        ) from error


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Within it joblib's trainings run on the Dask cluster of this address, if there is one."""
    if address is None:
        yield
        return
    from joblib import parallel_config

    try:
        from distributed import Client
    except ImportError as error:
        raise CourseError(
            Bilingual(
                "Dask 클러스터를 쓰려면 distributed 패키지가 필요합니다. 'pip install -e .[test]'로 설치하십시오.",
                "A Dask cluster needs the package distributed. Install it by 'pip install -e .[test]'.",
            )
        ) from error
    try:
        client = Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise CourseError(
            Bilingual(
                f"'{address}'에서 Dask 스케줄러가 응답하지 않습니다. 주소를 확인하십시오(예: tcp://127.0.0.1:8786).",
                f"No Dask scheduler answers at '{address}'. Check the address (such as tcp://127.0.0.1:8786).",
            )
        ) from error
    with client, parallel_config(backend="dask"):
        yield


# -- the table --------------------------------------------------------------------------------------------------


def summary(results: list[dict]) -> list[dict]:
    """A row for each method and task: over seeds the median and the least and the most of what was measured.

    ``reached`` counts the seeds that reached the target and kept it; where no target is known, it is None.
    """
    groups: dict[tuple[str, str], list[dict]] = {}
    for result in results:
        groups.setdefault((result["method"], result["task"]), []).append(result)
    rows = []
    for (method, task), group in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        row = dict(method=method, task=task, seeds=sorted(result["seed"] for result in group))
        for name in MEASURED:
            values = [result[name] for result in group if result[name] is not None]
            row[name] = spread(values) if values else None
        row["references"] = group[0]["references"]
        has_target = {"optimal_return", "no_exploration_return"} <= row["references"].keys()
        row["reached"] = sum(r["seconds_to_target"] is not None for r in group) if has_target else None
        rows.append(row)
    return rows


def spread(values: list[float]) -> dict[str, float]:
    return dict(median=statistics.median(values), least=min(values), most=max(values))


def as_text(rows: list[dict]) -> str:
    """The table for a terminal."""
    head = (
        "task", "method", "seeds", "return: median [least, most]", "optimum", "no expl.", "reached", "s to 95 %", "s",
        "steps",
    )  # fmt: skip
    lines = [head]
    for row in rows:
        returns, known = row["test_return"], row["references"]
        lines.append((
            row["task"],
            row["method"],
            str(len(row["seeds"])),
            "–" if returns is None else f"{returns['median']:.3f} [{returns['least']:.3f}, {returns['most']:.3f}]",
            *(f"{known[name]:.2f}" if name in known else "–" for name in ("optimal_return", "no_exploration_return")),
            "–" if row["reached"] is None else f"{row['reached']}/{len(row['seeds'])}",
            "–" if row["seconds_to_target"] is None else f"{row['seconds_to_target']['median']:.0f}",
            f"{row['seconds']['median']:.0f}",
            f"{row['env_steps']['median'] / 1e6:.2f} M",
        ))  # fmt: skip
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    padded = [[word.ljust(width) for word, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)
