"""Badges that open each lesson in Binder and in Colab: ``make badges REPO=owner/name``, once the course has an address.

Both ask for the address of a public repository, which only who publishes the course knows; and a badge that leads
nowhere is worse than none. So README.md says how to get them until then, between two marks, and shows them after.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from course_lib.bilingual import Bilingual, CourseError, shown_as_sentence
from course_lib.lesson.start import LESSONS

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- badges -->", "<!-- /badges -->"
GITHUB = re.compile(r"(?:https://github\.com/|git@github\.com:)([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
UNKNOWN = Bilingual(
    "저장소를 GitHub에 올린 뒤 `make badges REPO=소유자/이름`을 한 번 실행하면 여기에 강의마다 Binder와 Colab 배지가 생깁니다.",
    "Once the repository is on GitHub, run `make badges REPO=owner/name` once: it puts Binder and Colab badges for each\n"
    "lesson here.",
)
COLAB_FIRST = Bilingual(
    "Binder는 `environment.yml`을 읽습니다. Colab에서는 먼저 이 셀을 실행하십시오.",
    "Binder reads `environment.yml`. In Colab, run this cell first.",
)


def block(language: str, repository: str | None, notebooks: Path) -> str:
    """What stands between the marks in this language ("ko" or "en")."""
    if repository is None:
        return getattr(UNKNOWN, language)
    head = {"ko": "| 강의 | Binder | Colab |", "en": "| lesson | Binder | Colab |"}[language]
    rows = [head, "|---|---|---|"]
    for path in sorted(notebooks.glob("0[0-9]_*.ipynb")):
        binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/{path.name}"
        colab = f"https://colab.research.google.com/github/{repository}/blob/HEAD/notebooks/{path.name}"
        title = getattr(LESSONS[path.name[:2]], language)
        rows.append(
            f"| {path.name[:2]} {title} | [![Binder](https://mybinder.org/badge_logo.svg)]({binder}) "
            f"| [![Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) |"
        )
    first = [f"!git clone https://github.com/{repository} course", "%cd course", "%pip install -e ."]
    return "\n".join([*rows, "", getattr(COLAB_FIRST, language), "", "```python", *first, "```"])


def with_badges(readme: str, repository: str | None, notebooks: Path) -> str:
    """The README with what stands between its marks made anew: Korean first, then English.

    Raises:
        CourseError: its marks are not two pairs.
    """
    pieces = re.split(f"({re.escape(BEGIN)}|{re.escape(END)})", readme)
    if pieces[1::2] != [BEGIN, END] * 2:
        raise CourseError(
            Bilingual(
                f"README.md에 {BEGIN}와 {END}가 한국어와 영어에 한 쌍씩 있어야 합니다.",
                f"README.md needs {BEGIN} and {END} once in Korean and once in English.",
            )
        )
    for place, language in ((2, "ko"), (6, "en")):
        pieces[place] = f"\n\n{block(language, repository, notebooks)}\n\n"
    return "".join(pieces)


def checked(repository: str) -> str:
    """The name of a repository on GitHub.

    Raises:
        CourseError: it has not the form owner/name.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, flags=re.ASCII):
        raise CourseError(
            Bilingual(
                f"저장소 이름은 '소유자/이름'입니다. 받은 값: '{repository}'. 보기: make badges REPO=owner/name",
                f"A repository is named 'owner/name', not '{repository}'. An example: make badges REPO=owner/name",
            )
        )
    return repository


def origin() -> str:
    """The repository on GitHub that this one came from.

    Raises:
        CourseError: there is none.
    """
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "remote", "get-url", "origin"], capture_output=True, text=True, check=False
    )
    if found := GITHUB.match(asked.stdout.strip()):
        return found[1]
    raise CourseError(
        Bilingual(
            "이 폴더는 GitHub에서 온 것이 아닙니다. 저장소를 적으십시오: make badges REPO=owner/name",
            "This folder does not come from GitHub. Name the repository: make badges REPO=owner/name",
        )
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("make badges", description="Put Binder and Colab badges into README.md.")
    parser.add_argument("repository", nargs="?", help="owner/name; default: where this folder was cloned from")
    asked = parser.parse_args(arguments).repository
    try:
        repository = checked(asked) if asked else origin()
        readme = ROOT / "README.md"
        written = with_badges(readme.read_text(encoding="utf-8"), repository, ROOT / "notebooks")
    except CourseError as error:
        return shown_as_sentence(error)
    partial = readme.with_name(".README.md.partial")
    partial.write_text(written, encoding="utf-8")
    os.replace(partial, readme)
    print(f"README.md: {repository}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
