"""``course build``: from one source a lesson to the notebook that a learner opens, and to the solved one.

An author edits ``notebooks/source/NN_name.md`` (jupytext's MyST Markdown): prose cells in both languages
(``authoring/parity.py`` says how), code cells with the solution inside a function:

    def carry(hidden, new_trial):
        ### BEGIN SOLUTION
        return hidden * ~new_trial
        ### END SOLUTION

In the learner's notebook the lines between the marks become a comment and ``raise NotImplementedError``.
Where something else shall stand there (a bug to find, an answer to fill in), it is written below the
solution, commented out, after ``### INSTEAD``; this form may stand at the top level of a cell too:

    ### BEGIN SOLUTION
    silent_bug_line = 7
    ### INSTEAD
    # silent_bug_line = None
    ### END SOLUTION

What is generated depends on nothing but the source and the stored outputs of the solved notebook, byte for
byte.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jupytext.myst
import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from course_lib.bilingual import Bilingual, CourseError
from course_lib.authoring.parity import Complaint, prose_complaints

BEGIN, INSTEAD, END = "### BEGIN SOLUTION", "### INSTEAD", "### END SOLUTION"
ALMOST_A_MARK = re.compile(r"#+\s*(?:(?:BEGIN|END)\s+SOLUTION\b.*|INSTEAD\W*)", re.IGNORECASE)
STUB = ("# 여기에 코드를 쓰십시오. · Write your code here.", "raise NotImplementedError")
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_TIMEOUT_S = 600


@dataclass(frozen=True)
class Cell:
    """One cell of a source; ``line`` is that of its first line in the file."""

    kind: str  # "markdown" or "code"
    source: str
    line: int
    metadata: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """A source, read. ``path`` is as messages show it."""

    path: Path
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.path.stem


class SourceError(CourseError):
    """What an author has to mend, each with file and line."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = list(complaints)
        ko = "\n".join(f"{c.path}:{c.line}: {c.message.ko}" for c in self.complaints)
        en = "\n".join(f"{c.path}:{c.line}: {c.message.en}" for c in self.complaints)
        super().__init__(Bilingual(ko, en))


# -- the source ---------------------------------------------------------------------------------------------


def read_lesson(path: Path) -> Lesson:
    """Read a source and split it into cells, without judging them.

    Raises:
        SourceError: it is not UTF-8, or a cell's options are not YAML.
    """
    shown = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = jupytext.myst.myst_to_notebook(text, add_source_map=True)
    except (UnicodeDecodeError, jupytext.myst.MystMetadataParsingError, nbformat.ValidationError) as error:
        found = re.search(r"at line (\d+)", str(error))
        reason = " ".join(str(error).split())[:200]
        raise SourceError([Complaint(shown, int(found[1]) if found else 1, Bilingual(
            f"MyST 소스로 읽을 수 없습니다: {reason}", f"This can't be read as a MyST source: {reason}",
        ))]) from error  # fmt: skip
    lines = text.splitlines()
    cells = []
    for cell, start in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        body = cell.source.splitlines()
        while lines[start : start + len(body)] != body and start < len(lines):
            start += 1  # past blank lines and the options of a code cell
        cells.append(Cell(cell.cell_type, cell.source, start + 1, dict(cell.metadata)))
    return Lesson(shown, tuple(cells))


def complaints(lessons: Iterable[Lesson]) -> list[Complaint]:
    """Everything that a rule can find wrong in these sources."""
    found, checks = [], {}
    for lesson in lessons:
        for cell in lesson.cells:
            if cell.kind == "markdown":
                found += prose_complaints(cell.source, lesson.path, cell.line)
            elif cell.kind == "code":
                found += _code_complaints(cell, lesson.path)
                for exercise, line in _checked(cell.source):
                    here = f"{lesson.path}:{cell.line + line - 1}"
                    if exercise in checks:
                        found.append(Complaint(lesson.path, cell.line + line - 1, Bilingual(
                            f'연습문제 id "{exercise}"는 {checks[exercise]}에 이미 있습니다. 다른 id를 쓰십시오.',
                            f'The exercise id "{exercise}" is taken by {checks[exercise]}; give another.',
                        )))  # fmt: skip
                    checks.setdefault(exercise, here)
            else:
                found.append(Complaint(lesson.path, cell.line, Bilingual(
                    "raw 셀은 쓸 수 없습니다. 본문이나 code-cell로 바꾸십시오.",
                    "A raw cell has no place in a lesson; make it prose or a code-cell.",
                )))  # fmt: skip
    return found


def _code_complaints(cell: Cell, path: Path) -> Iterator[Complaint]:
    """Syntax and marks of a code cell, as the author wrote it and as the learner gets it."""
    if not cell.source.strip():
        yield Complaint(
            path, cell.line, Bilingual("빈 code-cell입니다. 지우십시오.", "An empty code-cell: remove it.")
        )
        return
    wrong_marks = False
    for line, message in _mark_problems(cell.source):
        wrong_marks = True
        yield Complaint(path, cell.line + line - 1, message)
    if wrong_marks:
        return
    if problem := _syntax_problem(cell.source):
        line, said = problem
        yield Complaint(
            path,
            cell.line + line - 1,
            Bilingual(f"파이썬 문법 오류: {said}.", f"Python syntax error: {said}."),
        )
        return
    tree = ast.parse(_as_python(cell.source))
    for begin, instead, end in solution_blocks(cell.source):
        until = end if instead is None else instead
        if not any(begin < node.lineno < until for node in ast.walk(tree) if isinstance(node, ast.stmt)):
            yield Complaint(path, cell.line + begin - 1, Bilingual(
                f"'{BEGIN}' 다음에 풀이 코드가 없습니다.", f"There is no code after '{BEGIN}'."
            ))  # fmt: skip
        elif instead is None and not _inside_function(tree, begin, end):
            yield Complaint(path, cell.line + begin - 1, Bilingual(
                f"함수 밖의 풀이에는 학습자가 받을 줄을 '{INSTEAD}' 아래에 주석으로 쓰십시오.",
                f"A solution outside a function needs the learner's lines, commented out, below '{INSTEAD}'.",
            ))  # fmt: skip
        elif problem := _syntax_problem(stub(cell.source)):
            yield Complaint(path, cell.line + begin - 1, Bilingual(
                f"학습자 노트북의 이 셀이 파이썬 문법에 맞지 않습니다: {problem[1]}.",
                f"This cell is not valid Python in the learner's notebook: {problem[1]}.",
            ))  # fmt: skip


def _mark_problems(source: str) -> Iterator[tuple[int, Bilingual]]:
    """Marks without their partner, in the wrong order, or misspelt: (line in the cell, message)."""
    opened, instead = 0, 0
    for number, line in enumerate(source.splitlines(), 1):
        mark = line.strip()
        if mark == BEGIN:
            if opened:
                yield (
                    opened,
                    Bilingual(f"'{BEGIN}'에 짝이 되는 '{END}'이 없습니다.", f"'{BEGIN}' has no '{END}'."),
                )
            opened, instead = number, 0
        elif mark == INSTEAD:
            if not opened or instead:
                yield (
                    number,
                    Bilingual(
                        f"'{INSTEAD}'는 '{BEGIN}'과 '{END}' 사이에 한 번만 옵니다.",
                        f"'{INSTEAD}' stands once, between '{BEGIN}' and '{END}'.",
                    ),
                )
            instead = number
        elif mark == END:
            if not opened:
                yield (
                    number,
                    Bilingual(f"'{END}'에 짝이 되는 '{BEGIN}'이 없습니다.", f"'{END}' has no '{BEGIN}'."),
                )
            opened = instead = 0
        elif ALMOST_A_MARK.fullmatch(mark):
            yield (
                number,
                Bilingual(
                    f"'{mark}' 표시는 정확히 '{BEGIN}', '{INSTEAD}', '{END}'이어야 합니다.",
                    f"Write the mark '{mark}' exactly as '{BEGIN}', '{INSTEAD}' or '{END}'.",
                ),
            )
        elif instead and mark and not mark.startswith("#"):
            yield (
                number,
                Bilingual(
                    f"'{INSTEAD}' 아래의 줄은 '# '로 시작하는 주석이어야 합니다.",
                    f"Every line below '{INSTEAD}' is commented out: it begins with '# '.",
                ),
            )
    if opened:
        yield opened, Bilingual(f"'{BEGIN}'에 짝이 되는 '{END}'이 없습니다.", f"'{BEGIN}' has no '{END}'.")


def _as_python(source: str) -> str:
    """The cell with Jupyter's magics replaced by the calls they stand for; line numbers stay."""
    return TransformerManager().transform_cell(source)


def _syntax_problem(source: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(
                _as_python(source), "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    return None


def _inside_function(tree: ast.Module, begin: int, end: int) -> bool:
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    inside = (node for function in functions for line in function.body for node in ast.walk(line))
    return any(begin < node.lineno < end for node in inside if isinstance(node, ast.stmt))


def _checked(source: str) -> Iterator[tuple[str, int]]:
    """The ids in ``check("1.1", …)`` calls, with their line in the cell."""
    try:
        tree = ast.parse(_as_python(source))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            if name == "check" and isinstance(node.args[0].value, str):
                yield node.args[0].value, node.lineno


# -- solved and unsolved ------------------------------------------------------------------------------------


def solution_blocks(source: str) -> list[tuple[int, int | None, int]]:
    """(line of BEGIN, of INSTEAD or None, of END) of each solution in a cell whose marks are right."""
    blocks, begin, instead = [], 0, None
    for number, line in enumerate(source.splitlines(), 1):
        if line.strip() == BEGIN:
            begin, instead = number, None
        elif line.strip() == INSTEAD:
            instead = number
        elif line.strip() == END:
            blocks.append((begin, instead, number))
    return blocks


def stub(source: str) -> str:
    """The cell as the learner gets it."""
    lines = source.splitlines()
    for begin, instead, end in reversed(solution_blocks(source)):
        indent = lines[begin - 1][: len(lines[begin - 1]) - len(lines[begin - 1].lstrip())]
        given = STUB if instead is None else [_uncommented(line) for line in lines[instead : end - 1]]
        lines[begin - 1 : end] = [indent + line if line else "" for line in given]
    return "\n".join(lines)


def _uncommented(line: str) -> str:
    return line.strip().removeprefix("#").removeprefix(" ")


def solved(source: str) -> str:
    """The cell with its solution, without the marks."""
    lines = source.splitlines()
    for begin, instead, end in reversed(solution_blocks(source)):
        lines[begin - 1 : end] = lines[begin : (instead or end) - 1]
    return "\n".join(lines)


# -- the notebooks ------------------------------------------------------------------------------------------


def exercise_notebook(lesson: Lesson) -> str:
    """What a learner opens: stubs, nothing executed."""
    return _written(_notebook(lesson, stub))


def solution_notebook(lesson: Lesson, stored: NotebookNode | None = None) -> str:
    """The solved notebook, with the ``stored`` outputs of those cells whose source is the same."""
    notebook = _notebook(lesson, solved)
    before = {cell.get("id"): cell for cell in stored.cells} if stored else {}
    for cell in notebook.cells:
        old = before.get(cell.id)
        if cell.cell_type == "code" and old and old.cell_type == "code" and old.source == cell.source:
            cell.execution_count = old.execution_count
            cell.outputs = [output for output in map(_lasting, old.outputs) if output]
    return _written(notebook)


def _notebook(lesson: Lesson, shape) -> NotebookNode:
    notebook = nbformat.v4.new_notebook(metadata=nbformat.from_dict(METADATA))
    notebook.nbformat_minor = 5
    seen: Counter = Counter()
    for cell in lesson.cells:
        # The id is made of the source, marks included: the same in both notebooks, and still the same after
        # another cell was put in before it.
        digest = hashlib.sha256(f"{cell.kind}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell_id = f"{lesson.name[:2]}-{digest}" + (f"-{seen[digest]}" if seen[digest] > 1 else "")
        metadata = dict(cell.metadata)
        if "hide-input" in metadata.get("tags", ()):
            metadata["jupyter"] = {"source_hidden": True}
        metadata = nbformat.from_dict(metadata)
        if cell.kind == "code":
            new = nbformat.v4.new_code_cell(shape(cell.source), id=cell_id, metadata=metadata)
        else:
            new = nbformat.v4.new_markdown_cell(cell.source, id=cell_id, metadata=metadata)
        notebook.cells.append(new)
    return notebook


def _lasting(output: NotebookNode) -> NotebookNode | None:
    """An output without what dies with the kernel; None when nothing is left.

    A widget's view is a link to an object in a kernel. Stored, it shows as broken; without it the reader sees
    the text or the HTML that came along.
    """
    output = nbformat.from_dict(output)
    if "data" in output:
        output.data.pop(WIDGET, None)
        output.metadata.pop(WIDGET, None)
        if not output.data:
            return None
    return output


def _written(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


# -- the commands -------------------------------------------------------------------------------------------


def find_notebooks() -> Path:
    """The folder ``notebooks``: at or above the working directory, else beside the package."""
    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]):
        if (folder / "notebooks" / "source").is_dir():
            return folder / "notebooks"
    raise CourseError(Bilingual(
        "notebooks/source 폴더를 찾을 수 없습니다. 강의 저장소 안에서 실행하십시오.",
        "There is no folder notebooks/source here. Run this inside the checkout of the course.",
    ))  # fmt: skip


def sources(notebooks: Path, names: Iterable[str] = ()) -> list[Path]:
    """The sources asked for, by name (``01_rl2``) or the beginning of one (``01``); all without names."""
    known = sorted((notebooks / "source").glob("*.md"))
    chosen = []
    for name in names:
        wanted = Path(name).stem
        found = [path for path in known if path.stem.startswith(wanted)] if wanted else []
        if not found:
            listed = ", ".join(path.stem for path in known) or "–"
            raise CourseError(Bilingual(
                f"'{name}'(이)라는 강의가 없습니다. 다음 중 하나를 주십시오: {listed}.",
                f"There is no lesson '{name}'. Give one of: {listed}.",
            ))  # fmt: skip
        chosen += found
    return sorted(set(chosen)) if chosen else known


def read_lessons(notebooks: Path, names: Iterable[str] = ()) -> list[Lesson]:
    """The lessons asked for, judged. All sources are read, for an exercise id is unique in the whole course.

    Raises:
        SourceError: with everything found in the lessons asked for.
    """
    wanted = {_shown(path) for path in sources(notebooks, names)}
    lessons, wrong = [], []
    for path in sources(notebooks):
        try:
            lessons.append(read_lesson(path))
        except SourceError as error:
            wrong += error.complaints
    wrong = [complaint for complaint in wrong + complaints(lessons) if complaint.path in wanted]
    if wrong:
        raise SourceError(wrong)
    return [lesson for lesson in lessons if lesson.path in wanted]


def build(notebooks: Path, names: Iterable[str] = ()) -> list[Path]:
    """Write the notebooks whose content changed, and return their paths.

    Raises:
        CourseError: a source is wrong, or a learner's notebook holds work that would be lost.
    """
    changed = []
    for lesson in read_lessons(notebooks, names):
        exercise, solution = _paths(notebooks, lesson)
        _refuse_to_lose_work(exercise)
        stored = _stored(solution)
        for path, text in (
            (exercise, exercise_notebook(lesson)),
            (solution, solution_notebook(lesson, stored)),
        ):
            if _text(path) != text:
                write_whole(path, text)
                changed.append(path)
    return changed


def check(notebooks: Path, names: Iterable[str] = ()) -> list[Bilingual]:
    """What ``build`` and ``execute`` would change, one sentence a file. Writes nothing, runs nothing."""
    found = []
    lessons = read_lessons(notebooks, names)
    for lesson in lessons:
        exercise, solution = _paths(notebooks, lesson)
        found += _differences(exercise, exercise_notebook(lesson), lesson)
        differences = _differences(solution, solution_notebook(lesson, _stored(solution)), lesson)
        found += differences or _unexecuted(solution, lesson)
    if not list(names):
        expected = {path for lesson in lessons for path in _paths(notebooks, lesson)}
        strangers = {*notebooks.glob("[0-9][0-9]_*.ipynb"), *notebooks.glob("solutions/*.ipynb")} - expected
        found += [Bilingual(
            f"{_shown(path)}: 소스가 없는 노트북입니다. 지우거나 notebooks/source에 소스를 두십시오.",
            f"{_shown(path)}: no source gives this notebook; remove it, or write one in notebooks/source.",
        ) for path in sorted(strangers)]  # fmt: skip
    return found


def execute(notebooks: Path, names: Iterable[str] = (), timeout: float = CELL_TIMEOUT_S) -> list[Path]:
    """Run the solved notebooks from top to bottom in fresh kernels, store their outputs, and build.

    Raises:
        CourseError: a source is wrong, or a cell fails: then that notebook is left as it was.
    """
    changed = build(notebooks, names)
    for lesson in read_lessons(notebooks, names):
        _, solution = _paths(notebooks, lesson)
        text = solution_notebook(lesson, _run(lesson, notebooks, timeout))
        if _text(solution) != text:
            write_whole(solution, text)
            changed += [solution] if solution not in changed else []
    return changed


def _run(lesson: Lesson, notebooks: Path, timeout: float) -> NotebookNode:
    """The solved notebook, executed."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from tqdm import tqdm

    notebook = nbformat.reads(solution_notebook(lesson), as_version=4)
    codes = [index for index, cell in enumerate(lesson.cells) if cell.kind == "code"]
    with tqdm(total=len(codes), desc=lesson.name, unit="cell", leave=True) as bar:
        at = 0

        def starts(cell, cell_index: int) -> None:
            nonlocal at
            if cell.cell_type != "code":
                return
            at = cell_index
            bar.set_postfix_str(next(filter(None, cell.source.splitlines()), "")[:40])

        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": str(notebooks)}},
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            on_cell_start=starts,
            on_cell_executed=lambda cell, cell_index, execute_reply: bar.update(),
        )
        try:
            client.execute(env={**os.environ, "COURSE_PROGRESS": "off"})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            if isinstance(error, CellExecutionError):
                said = f"{error.ename}: {(error.evalue or '').partition(chr(10))[0]}"
                what = Bilingual(said, said)
            elif isinstance(error, CellTimeoutError):
                what = Bilingual(
                    f"{timeout:.0f}초 안에 끝나지 않았습니다", f"not done within {timeout:.0f} s"
                )
            else:
                what = Bilingual("커널이 죽었습니다", "the kernel died")
            number = codes.index(at) + 1
            raise SourceError([Complaint(lesson.path, lesson.cells[at].line, Bilingual(
                f"풀이의 {number}번째 코드 셀이 실패했습니다: {what.ko}.",
                f"Code cell {number} of the solution failed: {what.en}.",
            ))]) from error  # fmt: skip
    return notebook


def _differences(path: Path, expected: str, lesson: Lesson) -> list[Bilingual]:
    """Empty, or one sentence: where a committed notebook differs from what its source gives."""
    text = _text(path)
    if text == expected:
        return []
    stored, wanted = _stored(path), nbformat.reads(expected, as_version=4)
    if text is None:
        where = Bilingual("파일이 없습니다", "the file is missing")
    elif stored is None:
        where = Bilingual("노트북으로 읽을 수 없습니다", "it can't be read as a notebook")
    else:
        pairs = zip(lesson.cells, wanted.cells, stored.cells, strict=False)
        changed = next((cell.line for cell, new, old in pairs if new != old), None)
        if changed is not None:
            where = Bilingual(
                f"소스 {changed}행의 셀이 다릅니다", f"the cell at line {changed} of the source differs"
            )
        elif len(wanted.cells) != len(stored.cells):
            where = Bilingual("셀의 수가 다릅니다", "the number of cells differs")
        else:
            where = Bilingual("메타데이터나 서식이 다릅니다", "metadata or formatting differ")
    return [Bilingual(
        f"{_shown(path)}: {lesson.path}와 맞지 않습니다({where.ko}). 다음을 실행하십시오: `course build {lesson.name}`.",
        f"{_shown(path)}: out of step with {lesson.path} ({where.en}). Run `course build {lesson.name}`.",
    )]  # fmt: skip


def _unexecuted(path: Path, lesson: Lesson) -> list[Bilingual]:
    """Empty, or one sentence: the stored outputs are not those of one clean run from top to bottom."""
    count = 0
    for source, cell in zip(lesson.cells, _stored(path).cells, strict=True):
        if cell.cell_type != "code":
            continue
        count += 1
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in cell.metadata.get("tags", ()):
            why = Bilingual("저장된 오류가 있습니다", "holds a stored error")
        elif cell.execution_count is None:
            why = Bilingual("실행되지 않았습니다", "was never executed")
        elif cell.execution_count != count:
            why = Bilingual("처음부터 차례로 실행되지 않았습니다", "was not executed in one run from the top")
        else:
            continue
        return [Bilingual(
            f"{_shown(path)}: 소스 {source.line}행의 코드 셀이 {why.ko}. "
            f"다음을 실행하십시오: `course build --execute {lesson.name}`.",
            f"{_shown(path)}: the code cell at line {source.line} of the source {why.en}. "
            f"Run `course build --execute {lesson.name}`.",
        )]  # fmt: skip
    return []


def _refuse_to_lose_work(path: Path) -> None:
    """A learner's notebook in which something was run is not overwritten."""
    stored = _stored(path)
    if stored and any(cell.get("execution_count") or cell.get("outputs") for cell in stored.cells):
        raise CourseError(Bilingual(
            f"{_shown(path)}에서 누군가 작업했습니다(실행한 셀이 있습니다). 다른 이름으로 옮기거나 지운 다음 다시 만드십시오.",
            f"Somebody worked in {_shown(path)} (it has executed cells). "
            "Rename or delete it, then build again.",
        ))  # fmt: skip


def _paths(notebooks: Path, lesson: Lesson) -> tuple[Path, Path]:
    return notebooks / f"{lesson.name}.ipynb", notebooks / "solutions" / f"{lesson.name}.ipynb"


def _shown(path: Path) -> Path:
    """From ``notebooks/`` on, as an author says it."""
    parts = path.parts
    return Path(*parts[len(parts) - 1 - parts[::-1].index("notebooks") :]) if "notebooks" in parts else path


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _stored(path: Path) -> NotebookNode | None:
    """A notebook as it lies on disk, or None where there is none that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nbformat.reads(_text(path) or "", as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, KeyError):
        return None


def write_whole(path: Path, text: str) -> None:
    """Write to a temporary name, then rename: a file of this name is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(text.encode("utf-8"))
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CourseError(Bilingual(
            f"'{path}'에 쓸 수 없습니다({error.strerror}).", f"'{path}' can't be written ({error.strerror}).",
        )) from error  # fmt: skip
