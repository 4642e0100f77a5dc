"""``course grade``: the files, the table, the reports, and what is said while it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib.bilingual import Bilingual, CourseError
from course_lib.grading import grade, report, sandbox
from course_lib.grading.grade import Settings

INTERRUPTED = 130


def run(options: argparse.Namespace, release: Path) -> int:
    """Grade by the release in this folder, and return the exit status: 0 all graded (one file: all passed), 1 not so, 130 interrupted."""
    found = grade.find_submissions(options.path)
    alone = not options.path.is_dir()
    tier = _tier(options.tier, alone)
    weights = _weights(options.weights)
    names_before = report.read_first(options.csv) if options.resume and options.csv else {}
    seed = options.seed if options.seed is not None else int(names_before.get("seed") or grade.fresh_seed())
    limits = sandbox.Limits()
    limits = sandbox.Limits(
        cell_s=options.seconds or limits.cell_s,
        memory=options.memory * sandbox.MEGABYTE if options.memory else limits.memory,
    )
    releases = grade.chosen_releases(release, options.lesson, options.only)
    settings = Settings(releases, tier, seed, tuple(options.only), limits)
    exercises = {
        release.name: [gap.exercise for gap in release.gaps if not options.only or gap.exercise in options.only]
        for release in releases
    }
    digest = grade.release_digest(settings)
    names = report.columns([name for of_lesson in exercises.values() for name in of_lesson])
    done = _done(options, names, settings, digest, found)
    wanted = [one for one in found if report.in_cell(one[1]) not in done]
    rows = list(done.values())
    if options.csv:
        report.write_csv(options.csv, names, rows)
    if options.reports:
        _make_folder(options.reports)
    interrupted = False
    from tqdm import tqdm

    with tqdm(total=len(found), initial=len(done), unit="file", disable=None if alone else False) as bar:
        try:
            for row in grade.grade_all(wanted, settings, options.jobs, options.dask):
                cells = report.cells(row, exercises, weights, seed, digest, options.language)
                rows.append(cells)
                if options.csv:
                    report.write_csv(options.csv, names, rows)
                if options.reports:
                    _write_report(options.reports, row, options.language)
                if alone:
                    bar.clear()
                    print(report.report(row, options.language))
                bar.set_postfix_str(f"{cells['status']} {report.in_line(row.file)[-40:]}", refresh=False)
                bar.update()
        except KeyboardInterrupt:
            interrupted = True
    if options.junit:
        report.write_junit(options.junit, rows, exercises)
    if interrupted:
        print(
            "중단했습니다. 그때까지의 성적은 CSV에 있습니다. --resume이 이어서 합니다. · "
            "Interrupted; the CSV holds what is done, and --resume goes on.",
            file=sys.stderr,
        )
        return INTERRUPTED
    if not alone:
        _say_totals(rows, seed, tier)
    if any(row["status"] == report.UNGRADED for row in rows):
        return 1
    return 0 if not alone or all(row["status"] == "PASS" for row in rows) else 1


def _tier(named: str | None, alone: bool) -> str:
    """The tier to grade in: the best there is, or one that the instructor accepts by name.

    Raises:
        CourseError: strangers' files would be run without containment, or the tier named does not work here.
    """
    best = sandbox.best_tier()
    if named is None:
        if alone or best == "contained":
            return best
        raise CourseError(Bilingual(
            f"여기서는 남의 코드를 가둘 수 없습니다(가능한 수준: {best}). Linux에서 bubblewrap을 설치하십시오"
            f"(`apt-get install bubblewrap`). 제출물을 모두 믿는다면 `--tier {best}`라고 직접 적으십시오.",
            f"Strangers' code can't be contained here (what works: {best}). On Linux, install bubblewrap "
            f"(`apt-get install bubblewrap`). If you trust every submission, say so by name: `--tier {best}`.",
        ))  # fmt: skip
    if sandbox.TIERS.index(named) < sandbox.TIERS.index(best):
        raise CourseError(Bilingual(
            f"여기서는 '{named}' 수준을 쓸 수 없습니다. 가능한 수준: {best}.",
            f"The tier '{named}' does not work here; what works: {best}.",
        ))  # fmt: skip
    return named


def _weights(words: list[str]) -> dict[str, float]:
    try:
        weights = {name: float(value) for name, value in (word.split("=") for word in words)}
        if not all(0 <= value < 1e6 for value in weights.values()):
            raise ValueError("out of range")
    except ValueError as error:
        raise CourseError(Bilingual(
            "비중은 `--weights 1.1=2 1.2=1`처럼 씁니다.", "Write weights like this: `--weights 1.1=2 1.2=1`.",
        )) from error  # fmt: skip
    return weights


def _done(options, names: list[str], settings: Settings, digest: str, found: list) -> dict[str, dict[str, str]]:
    """By file the rows of an earlier run that still hold: same content, same inputs, same release."""
    if not (options.resume and options.csv):
        return {}
    from course_lib.grading import submission

    content = {report.in_cell(file): path for path, file, _ in found}
    done = {}
    for row in report.read_csv(options.csv, names):
        if row["status"] == report.UNGRADED or (row["seed"], row["release"]) != (str(settings.seed), digest):
            continue
        if row["file"] in content and row["tier"] == settings.tier:
            if row["sha256"] and row["sha256"] == submission.sha256(content[row["file"]]):
                done[row["file"]] = row
    return done


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(Bilingual(
            f"'{folder}'에 쓸 수 없습니다({error.strerror}).", f"'{folder}' can't be written to ({error.strerror}).",
        )) from error  # fmt: skip


def _write_report(folder: Path, row: grade.Row, language: str) -> None:
    """One report a file, named like it with its folders' names in front."""
    name = report.in_line(row.file).replace("/", "__").replace("\\", "__").lstrip(".")[-120:]
    report.write_whole(folder / f"{name}.md", report.report(row, language).encode("utf-8"))


def _say_totals(rows: list[dict[str, str]], seed: int, tier: str) -> None:
    counted = {status: sum(row["status"] == status for row in rows) for status in (*report.WORST_FIRST[::-1], report.UNGRADED)}
    words = "  ".join(f"{status} {count}" for status, count in counted.items() if count)
    print(f"{len(rows)}: {words}  (tier {tier}, seed {seed})")
