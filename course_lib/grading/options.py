"""What may follow ``course grade`` on the command line; ``course --help`` needs no PyTorch."""

from __future__ import annotations

import argparse
from pathlib import Path

from course_lib.grading.sandbox import TIERS

LANGUAGES = ("ko", "en", "both")


def add_grade_options(parser: argparse.ArgumentParser, positive) -> None:
    """The options of ``course grade``; ``positive`` makes a checker of numbers above 0."""
    parser.add_argument("path", type=Path, metavar="PATH", help="노트북이나 폴더 · a notebook, or a folder of them")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="성적표 · the table of grades")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="CI용 JUnit XML · JUnit XML for CI")
    parser.add_argument("--reports", type=Path, metavar="FOLDER", help="파일마다 보고서 · a report for each file")
    parser.add_argument("--language", choices=LANGUAGES, default="both", help="보고서의 언어 · of reports (both)")
    parser.add_argument("--lesson", default="", metavar="NN", help="이 강의로만 · grade as this lesson")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="이 연습만 · only these: 1.2 1.3")
    parser.add_argument("--weights", nargs="+", default=[], metavar="ID=N", help="점수 비중 · points: 1.1=2 (1)")
    parser.add_argument("--seed", type=int, metavar="N", help="입력의 시드 · seed of the inputs (새것 · fresh)")
    parser.add_argument("--jobs", type=positive(int), default=1, metavar="N", help="동시에 몇 개 · at once (1)")
    parser.add_argument("--dask", metavar="ADDRESS", help="Dask 스케줄러의 주소 · a Dask scheduler's address")
    parser.add_argument("--resume", action="store_true", help="CSV에 없는 것만 · only what the CSV lacks")
    parser.add_argument("--seconds", type=positive(float), metavar="S", help="셀 하나의 제한 시간 · for one cell (20)")
    parser.add_argument("--memory", type=positive(int), metavar="MB", help="메모리 · memory of a submission (2048)")
    parser.add_argument(
        "--tier", choices=TIERS, help="격리 수준을 직접 고름 · accept this containment by name"
    )
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="나누어 준 노트북의 폴더 · the notebooks as handed out")
