"""The console command ``course``: train a method, build the lessons, grade what is handed in."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from course_lib import ENVIRONMENTS, METHODS
from course_lib.bilingual import Bilingual, CourseError, shown_as_sentence

INTERRUPTED = 130  # the exit status of a program that Ctrl-C stopped
RETURNS = ("test_return", "optimal_return", "no_exploration_return")
EXAMPLES = """\
예 · examples:
  course train rl2 map --seed 0 --json out.json
  course train rl2 bandit --seconds 60 --save bandit.pt
  course train rl2 bandit arms=10 pulls=100
  course results --methods dream rl2 --tasks map --seeds 10
  course grade notebooks/01_end_to_end.ipynb
  course assign 01 --out handout
  course collect submissions.zip --out submissions
  course grade submissions --csv grades.csv --jobs 2
  course build --execute 01
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 0 done, 1 found something, 2 bad input, 130 interrupted."""
    parser = _parser()
    options, left = parser.parse_known_args(arguments)
    if hasattr(options, "sizes") and all("=" in word and not word.startswith("-") for word in left):
        options.sizes += left  # argparse itself finds them only right behind the task
    elif left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    try:
        with _terminated_like_interrupted():
            return options.run(options)
    except CourseError as error:
        return shown_as_sentence(error)
    except KeyboardInterrupt:
        print("\n중단했습니다. · Interrupted.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="course",
        description="메타 강화학습 과정의 명령입니다.\nThe commands of the meta-RL course.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="명령 · commands", metavar="COMMAND", required=True)

    train = commands.add_parser(
        "train",
        help="학습합니다 · train a method on a task",
        description="방법 하나를 태스크 하나에서 학습합니다. Ctrl-C로 멈추면 그때까지의 결과를 씁니다.\n"
        "Train one method on one task. Ctrl-C stops it and keeps what there is.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.set_defaults(run=_train)
    train.add_argument("method", metavar="METHOD", help=", ".join(METHODS))
    train.add_argument("task", metavar="TASK", help=", ".join(ENVIRONMENTS))
    train.add_argument(
        "sizes", nargs="*", metavar="OPTION=N", help="태스크의 크기 · the task's size: arms=10 pulls=100, episodes=25"
    )
    train.add_argument("--seed", type=int, default=0, metavar="N", help="난수 시드 · seed (0)")
    length = train.add_mutually_exclusive_group()
    length.add_argument(
        "--updates", type=_positive(int), metavar="N", help="업데이트 수 · end after N updates"
    )
    length.add_argument(
        "--seconds", type=_positive(float), metavar="S", help="최대 초 · train for at most S seconds"
    )
    train.add_argument("--json", type=Path, metavar="PATH", help="결과를 JSON으로 · write the result as JSON")
    train.add_argument("--record", type=Path, metavar="PATH", help="다시 볼 수 있게 기록 · record for replay")
    train.add_argument(
        "--save", type=Path, metavar="FILE", help="체크포인트 저장 · save a checkpoint at the end"
    )
    train.add_argument(
        "--resume", type=Path, metavar="FILE", help="체크포인트에서 이어서 · go on from a checkpoint"
    )

    results = commands.add_parser(
        "results",
        help="모든 방법을 모든 태스크에서 학습한 표 · every method on every task, as a table",
        description="방법, 태스크, 시드마다 한 번씩 나란히 학습하고 표와 그림을 만듭니다. 이미 끝난 것은 다시 하지 않습니다.\n"
        "Train once for each method, task and seed, side by side, and make the table and its picture.\n"
        "What is done is not done again.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    results.set_defaults(run=_results)
    results.add_argument("--methods", nargs="+", default=[], metavar="METHOD", help="(모두 · all)")
    results.add_argument(
        "--tasks", nargs="+", default=[], metavar="TASK", help='map "bandit pulls=100" … (모두 · all)'
    )
    results.add_argument("--seeds", type=_positive(int), default=5, metavar="N", help="시드 몇 개 · so many seeds (5)")
    results.add_argument("--first-seed", type=int, default=0, metavar="N", help="첫 시드 · the first of them (0)")
    results.add_argument("--updates", type=_positive(int), metavar="N", help="업데이트 수 · end after N updates")
    results.add_argument("--jobs", type=_positive(int), default=2, metavar="N", help="동시에 몇 개 · at once (2)")
    results.add_argument("--dask", metavar="ADDRESS", help="Dask 스케줄러의 주소 · a Dask scheduler's address")
    results.add_argument(
        "--folder", type=Path, default=Path("figures/results"), metavar="PATH", help="(figures/results)"
    )
    results.add_argument("--table", action="store_true", help="학습 없이 표만 · only show what is done")

    build = commands.add_parser(
        "build",
        help="강의 노트북을 만듭니다 · build the lessons' notebooks",
        description="notebooks/source/*.md에서 학습자용 노트북과 풀이 노트북을 만듭니다.\n"
        "Build the learner's and the solved notebooks from notebooks/source/*.md.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.set_defaults(run=_build)
    build.add_argument("names", nargs="*", metavar="NAME", help="01_rl2, 01, … (모두 · all)")
    way = build.add_mutually_exclusive_group()
    way.add_argument("--check", action="store_true", help="쓰지 않고 확인만 · only compare, write nothing")
    way.add_argument("--execute", action="store_true", help="풀이를 실행해 출력 저장 · run the solutions")

    _add_grade(commands)
    return parser


def _add_grade(commands) -> None:
    from course_lib.grading.options import add_grade_options

    grade = commands.add_parser(
        "grade",
        help="제출한 노트북을 채점합니다 · grade submitted notebooks",
        description="노트북 하나나 폴더 하나를 채점합니다. 파일마다 한 줄씩 성적표(CSV)에 씁니다.\n"
        "Grade one notebook, or a folder of them: one honest row a file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    grade.set_defaults(run=_grade)
    add_grade_options(grade, _positive)

    assign = commands.add_parser(
        "assign",
        help="나누어 줄 노트북을 만듭니다 · make clean notebooks to hand out",
        description="풀이도 출력도 없는 학습자용 노트북과 안내문을 폴더에 씁니다.\n"
        "Write the learner's notebook, without solutions or outputs, and a page for students.",
    )
    assign.set_defaults(run=_assign)
    assign.add_argument("names", nargs="+", metavar="NN", help="강의 · lessons: 01 02")
    assign.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="쓸 폴더 · where to write")
    assign.add_argument("--release", type=Path, metavar="FOLDER", help="나누어 줄 노트북의 폴더 · clean notebooks")

    collect = commands.add_parser(
        "collect",
        help="zip에서 제출물을 꺼냅니다 · take submissions out of a zip file",
        description="zip 안의 경로를 믿지 않고 노트북만 꺼냅니다.\n"
        "Take the notebooks out of zip files without trusting the paths in them.",
    )
    collect.set_defaults(run=_collect)
    collect.add_argument("archives", nargs="+", type=Path, metavar="ZIP")
    collect.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="쓸 폴더 · where to write")


def _positive(kind):
    def convert(text: str):
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError("0보다 커야 합니다 · must be above 0")
        return value

    convert.__name__ = kind.__name__  # argparse names it when the text is no number
    return convert


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM becomes KeyboardInterrupt, so that a stopped job keeps what it has."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread: somebody else's signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# -- course train -------------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from course_lib import training
    from course_lib.tasks import task_name

    overrides = {"updates": options.updates} if options.updates else {}
    options.task = task_name(" ".join([options.task, *options.sizes]))
    settings = training.method_settings(options.method, options.task, **overrides)
    for path in (options.json, options.record, options.save):
        _require_writable(path)
    resume = training.load_whole(options.resume) if options.resume else None
    training.use_one_thread()
    snapshots = training.stream(options.method, options.task, options.seed, resume=resume, **overrides)
    if options.record:
        snapshots = training.record(snapshots, options.record)

    last, checkpoint, interrupted = None, None, False
    with tqdm(total=settings.updates, desc=f"{options.method} {options.task}", unit="update") as bar:
        try:
            with contextlib.closing(snapshots):
                for snapshot in snapshots:
                    last = snapshot
                    if options.save:
                        checkpoint = snapshot.checkpoint()
                    numbers = {name: f"{value:.2f}" for name, value in _numbers(snapshot).items()}
                    bar.set_postfix(numbers, refresh=False)
                    bar.update(snapshot.update - bar.n)
                    if options.seconds and snapshot.seconds >= options.seconds:
                        break
        except KeyboardInterrupt:
            interrupted = True

    if options.json:
        _write_json(options.json, _result(options, last, interrupted))
    if options.save and checkpoint:
        training.save_whole(checkpoint, options.save)
    if interrupted:
        print(
            "중단했습니다. 그때까지의 결과를 남겼습니다. · Interrupted; what there was is kept.",
            file=sys.stderr,
        )
    if last:
        numbers = "  ".join(f"{name} {value:.3f}" for name, value in _numbers(last).items())
        print(f"{options.method} {options.task} seed {options.seed}: {numbers}  "
              f"({last.update} updates, {last.env_steps:,} steps, {last.seconds:.1f} s)")  # fmt: skip
    elif not interrupted:
        print(
            "이 체크포인트의 학습은 이미 끝났습니다. 더 학습하려면 --updates를 늘리십시오. · The training of this checkpoint has "
            "ended; to go on, give more --updates.",
            file=sys.stderr,
        )
    return INTERRUPTED if interrupted else 0


def _numbers(snapshot) -> dict[str, float]:
    """The return on test problems, and the exact values it lies between."""
    known = snapshot.metrics | snapshot.references
    return {name: known[name] for name in RETURNS if name in known}


def _result(options: argparse.Namespace, last, interrupted: bool) -> dict:
    numbers = _numbers(last) if last else {}
    # JSON knows no NaN and no infinity.
    numbers = {
        name: numbers[name] if math.isfinite(numbers.get(name, math.nan)) else None for name in RETURNS
    }
    return {
        "method": options.method,
        "task": options.task,
        "seed": options.seed,
        "env_steps": last.env_steps if last else 0,
        "seconds": last.seconds if last else 0.0,
        **numbers,
        "interrupted": interrupted,
        "updates": last.update if last else 0,
        "versions": {
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": _version("torch"),
            "course_lib": _version("course_lib"),
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _require_writable(path: Path | None) -> None:
    """Say before a training, not after it, that its result can't be written."""
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CourseError(Bilingual(
            f"'{path}'에 쓸 수 없습니다({error.strerror}). 쓸 수 있는 폴더의 파일 이름을 주십시오.",
            f"'{path}' can't be written ({error.strerror}). Give the name of a file in a writable folder.",
        )) from error  # fmt: skip


def _write_json(path: Path, content: dict) -> None:
    """To a temporary name, then renamed: a file of this name is always whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CourseError(Bilingual(
            f"'{path}'에 쓸 수 없습니다({error.strerror}).", f"'{path}' can't be written ({error.strerror}).",
        )) from error  # fmt: skip


# -- course results -----------------------------------------------------------------------------------------


def _results(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from course_lib import results

    overrides = {"updates": options.updates} if options.updates else {}
    wanted = results.cells(options.methods, options.tasks, options.seeds, options.first_seed)
    done, missing, broken = results.done_and_missing(wanted, options.folder, overrides)
    for error in broken:
        print(error.message.ko, error.message.en, sep="\n", file=sys.stderr)
    interrupted = False
    if missing and not options.table:
        with tqdm(total=len(wanted), initial=len(done), unit="training") as bar:
            try:
                for result in results.run(missing, options.folder, options.jobs, options.dask, overrides):
                    done.append(result)
                    bar.set_postfix_str(f"{result['method']} {result['task']} {result['seed']}", refresh=False)
                    bar.update()
            except KeyboardInterrupt:
                interrupted = True
                print(
                    "중단했습니다. 같은 명령이 이어서 합니다. · Interrupted; the same command goes on from here.",
                    file=sys.stderr,
                )
    if done:
        done += results.done_and_missing(results.more_seeds(wanted, options.folder), options.folder, overrides)[0]
        done.sort(key=lambda result: (result["task"], result["method"], result["seed"]))
        rows = results.summary(done)
        print(results.as_text(rows))
        if not options.table:
            _write_table(options, rows, done)
    return INTERRUPTED if interrupted else 0


def _write_table(options: argparse.Namespace, rows: list[dict], done: list[dict]) -> None:
    """The summary and the picture, beside the folder of the trainings and named like it."""
    from course_lib.tasks import make_task
    from course_lib.views.results import results_png

    command = ["course results", "--seeds", str(options.seeds)]
    if options.first_seed:
        command += ["--first-seed", str(options.first_seed)]
    for name in ("methods", "tasks"):
        if chosen := getattr(options, name):
            command += [f"--{name}", *map(shlex.quote, chosen)]
    if options.updates:
        command += ["--updates", str(options.updates)]
    used = sorted({json.dumps(result["versions"], sort_keys=True) for result in done})
    _write_json(
        options.folder.with_suffix(".json"),
        dict(command=" ".join(command), versions=[json.loads(versions) for versions in used], rows=rows),
    )
    titles = {result["task"]: make_task(result["task"]).title for result in done}
    titles = {  # with the size, where it isn't the usual one
        task: "  ".join([f"{title.ko}\n{title.en}", *task.split()[1:]]) for task, title in titles.items()
    }
    picture = options.folder.with_suffix(".png")
    partial = picture.with_name(f".{picture.name}.partial")
    partial.write_bytes(results_png(done, titles, "학습한 초 · seconds of training"))
    os.replace(partial, picture)


# -- course grade -------------------------------------------------------------------------------------------


def _grade(options: argparse.Namespace) -> int:
    from course_lib.grading.command import run

    with _release(options) as folder:
        return run(options, folder)


@contextlib.contextmanager
def _release(options: argparse.Namespace) -> Iterator[Path]:
    """The folder given, else the notebooks as their sources make them: a learner may have worked in notebooks/."""
    from course_lib.authoring import build

    if options.release:
        yield options.release
        return
    with tempfile.TemporaryDirectory(prefix="course-") as name:
        for lesson in build.read_lessons(build.find_notebooks()):
            build.write_whole(Path(name, f"{lesson.name}.ipynb"), build.exercise_notebook(lesson))
            build.write_whole(Path(name, "solutions", f"{lesson.name}.ipynb"), build.solution_notebook(lesson))
        yield Path(name)


def _assign(options: argparse.Namespace) -> int:
    from course_lib.grading.handout import assign

    with _release(options) as folder:
        for path in assign(folder, options.names, options.out):
            print(path)
    return 0


def _collect(options: argparse.Namespace) -> int:
    from course_lib.grading.handout import collect
    from course_lib.grading.report import in_line

    left_out = 0
    for archive in options.archives:
        for taken in collect(archive, options.out):
            if taken.path:
                print(in_line(str(taken.path)))
            else:
                left_out += 1
                print(f"- {in_line(taken.member)}: {taken.why}", file=sys.stderr)
    return 1 if left_out else 0


# -- course build -------------------------------------------------------------------------------------------


def _build(options: argparse.Namespace) -> int:
    from course_lib.authoring import build

    notebooks = build.find_notebooks()
    if options.check:
        found = build.check(notebooks, options.names)
        for message in found:
            print(message.ko, message.en, sep="\n", file=sys.stderr)
        return 1 if found else 0
    changed = (build.execute if options.execute else build.build)(notebooks, options.names)
    for path in changed:
        print(path.relative_to(notebooks.parent))
    if not changed:
        print("바뀐 것이 없습니다. · Nothing changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
