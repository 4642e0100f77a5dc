"""``make book``: the solved lessons as a static book, in both languages, behind the switch of the notebooks.

Sphinx reads the notebooks as they are (myst-nb; nothing is executed again), and sphinx-book-theme draws them.
Jupyter Book 2 was the other candidate: it needs Node, which nothing else in this course does.

The switch is ``lesson/static/language.js`` itself. Only two things about it depend on the page: where the
other language is hidden, and what shows the buttons. A book has no widget, so its page does the latter.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from course_lib.bilingual import Bilingual, CourseError

HERE = Path(__file__).parent
SWITCH = HERE.parents[1] / "lesson" / "static" / "language.js"
WHERE = '".bd-article"'  # the lesson; the theme's frame around it may use lang for itself
BUTTONS = """
ensureStyle();
apply(remembered());  // before anything is drawn, so that the other language never flashes up
document.addEventListener("DOMContentLoaded", () => render({ el: document.getElementById("course-lang") }));
"""


def switch_script(module: str) -> str:
    """The language switch as a script for the head of a page.

    A module would come too late to choose before the first drawing, and not at all to a reader who opens the
    book from the disk: browsers refuse modules there.

    Raises:
        ValueError: ``module`` has no ``WHERE`` or no ``export default`` any more.
    """
    script, places = re.subn(r"^const WHERE = .*;$", f"const WHERE = {WHERE};", module, flags=re.MULTILINE)
    script, exports = re.subn(r"^export default .*;$", BUTTONS.strip(), script, flags=re.MULTILINE)
    if (places, exports) != (1, 1):
        raise ValueError(f"{SWITCH.name} needs one 'const WHERE' and one 'export default', each on a line")
    return f"(() => {{\n{script}}})();\n"


def assemble(notebooks: Path, source: Path) -> None:
    """Lay out in ``source`` all that Sphinx reads: its settings, the notebooks, the first page.

    Raises:
        CourseError: there is no notebook.
    """
    lessons = sorted(notebooks.glob("*.ipynb"))
    if not lessons:
        raise CourseError(
            Bilingual(
                f"{notebooks}에 노트북이 없습니다. 먼저 'make notebooks'를 실행하십시오.",
                f"There is no notebook in {notebooks}; run 'make notebooks' first.",
            )
        )
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for path in [HERE / "conf.py", HERE / "index.md", *lessons]:
        shutil.copy(path, source)
    for folder in ("static", "templates"):
        shutil.copytree(HERE / folder, source / folder)
    script = switch_script(SWITCH.read_text(encoding="utf-8"))
    (source / "static" / "language.js").write_text(script, encoding="utf-8")


def build(notebooks: Path, folder: Path) -> Path:
    """Build the book of ``notebooks`` in ``folder`` and return its first page.

    Raises:
        CourseError: the packages of the extra ``book`` are missing, there is no notebook, or Sphinx warned:
            a page with a broken link or an unknown directive is not a book.
    """
    try:
        import myst_nb  # noqa: F401  (Sphinx would only say that an extension is missing)
        import sphinx_book_theme  # noqa: F401
        from sphinx.cmd.build import build_main
    except ImportError as error:
        raise CourseError(
            Bilingual(
                f"책을 만드는 패키지가 없습니다({error.name}). 'make book'이 설치합니다.",
                f"A package that builds the book is missing ({error.name}); 'make book' installs it.",
            )
        ) from error
    source, pages = folder / "source", folder / "html"
    assemble(notebooks, source)
    shutil.rmtree(pages, ignore_errors=True)  # no page of a lesson that is gone
    options = ["-q", "-W", "-E", "-b", "html", "-d", str(folder / "doctrees")]
    if build_main([*options, str(source), str(pages)]) != 0:
        raise CourseError(
            Bilingual(
                "책을 만들지 못했습니다. 위의 경고를 고친 뒤 다시 실행하십시오.",
                "The book was not built; mend what the warnings above say, then run this again.",
            )
        )
    return pages / "index.html"
