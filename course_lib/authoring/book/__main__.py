"""Build the book of the checkout: ``python -m course_lib.authoring.book``, in a second ``make book``."""

import sys
from pathlib import Path

from course_lib.authoring.book import build
from course_lib.bilingual import CourseError

ROOT = Path(__file__).resolve().parents[3]

try:
    page = build(ROOT / "notebooks" / "solutions", ROOT / "build" / "book")
except CourseError as error:
    sys.exit(f"\n{error}\n")
print(f"책 · the book: {page.relative_to(ROOT)}")
