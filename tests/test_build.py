"""From one source to two notebooks: byte for byte, and every author's slip said with file and line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.authoring.definitions import definitions
from course_lib.bilingual import CourseError
from course_lib.authoring.build import (
    SourceError,
    build,
    check,
    execute,
    exercise_notebook,
    find_notebooks,
    read_lesson,
    solution_notebook,
    solved,
    stub,
)

ROOT = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "--nbval-current-env"]
PROSE = """# 제목 · Title

<div lang="ko">

본문입니다.

</div>

<div lang="en">

Text.

</div>
"""
DEFINE = '''def carry(hidden, fresh):
    """Keep the hidden state."""
    ### BEGIN SOLUTION
    if fresh:
        return 0 * hidden
    return hidden
    ### END SOLUTION'''
CHECK = """def check(exercise, function):
    print(f"[{exercise}] PASS" if function(2, False) == 2 else "FAIL")


check("1.1", carry)"""
WAITS = "import asyncio\n\nawait asyncio.sleep(0.01)\nprint('한')\nprint('글')"


def code(source: str, options: str = "") -> str:
    return f"\n```{{code-cell}}\n{options}{source}\n```\n"


TOY = PROSE + code(DEFINE) + code(CHECK) + code(WAITS, ":tags: [hide-input]\n\n")


@pytest.fixture
def course(tmp_path):
    notebooks = tmp_path / "notebooks"
    (notebooks / "source").mkdir(parents=True)

    def write(text: str, name: str = "01_toy.md") -> Path:
        (notebooks / "source" / name).write_text(text, encoding="utf-8")
        return notebooks

    write(TOY)
    return write


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    notebooks = tmp_path_factory.mktemp("course") / "notebooks"
    (notebooks / "source").mkdir(parents=True)
    (notebooks / "source" / "01_toy.md").write_text(TOY, encoding="utf-8")
    execute(notebooks)
    return notebooks


def files(notebooks: Path) -> dict[str, bytes]:
    return {
        path.name + path.parent.name: path.read_bytes() for path in notebooks.rglob("*.*") if path.is_file()
    }


# -- solved and unsolved ------------------------------------------------------------------------------------


def test_a_solution_becomes_a_stub_and_loses_its_marks():
    assert stub(DEFINE).splitlines()[2:] == [
        "    # 여기에 코드를 쓰십시오. · Write your code here.",
        "    raise NotImplementedError",
    ]
    assert solved(DEFINE).splitlines()[1:3] == ['    """Keep the hidden state."""', "    if fresh:"]
    assert "SOLUTION" not in solved(DEFINE) + stub(DEFINE)


def test_a_learner_may_be_given_something_else_to_start_from():
    source = "\n".join([
        "def f(x):", "    ### BEGIN SOLUTION", "    return x",
        "    ### INSTEAD", "    # if x:", "    #     return 0  # bug", "    ### END SOLUTION", "",
        "### BEGIN SOLUTION", "line = 7", "### INSTEAD", "# line = None", "### END SOLUTION", "print(line)",
    ])  # fmt: skip
    assert stub(source) == "def f(x):\n    if x:\n        return 0  # bug\n\nline = None\nprint(line)"
    assert solved(source) == "def f(x):\n    return x\n\nline = 7\nprint(line)"


# -- the notebooks ------------------------------------------------------------------------------------------


def test_the_notebooks_are_minimal_and_the_same_each_time(course):
    lesson = read_lesson(course(TOY) / "source" / "01_toy.md")
    text = exercise_notebook(lesson)
    assert text == exercise_notebook(lesson) and text.endswith("}\n") and "제목" in text
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["cells"][-1]["metadata"] == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert ids == [cell["id"] for cell in json.loads(solution_notebook(lesson))["cells"]]
    assert len(set(ids)) == 4 and all(name.startswith("01-") for name in ids)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook["cells"])


def test_equal_cells_have_different_ids(course):
    lesson = read_lesson(course(TOY + code("1") + code("1")) / "source" / "01_toy.md")
    ids = [cell["id"] for cell in json.loads(exercise_notebook(lesson))["cells"]]
    assert ids[-1] == ids[-2] + "-2" and len(set(ids)) == 6


def test_only_what_changed_is_written(course):
    notebooks = course(TOY)
    assert len(build(notebooks)) == 2
    before = {path: path.stat().st_mtime_ns for path in notebooks.rglob("*.ipynb")}
    assert build(notebooks) == [] and before == {
        path: path.stat().st_mtime_ns for path in notebooks.rglob("*.ipynb")
    }
    assert not list(notebooks.rglob("*.partial"))


def test_a_learners_work_is_not_overwritten(course):
    notebooks = course(TOY)
    build(notebooks)
    path = notebooks / "01_toy.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"execution_count": null', '"execution_count": 3', 1),
        encoding="utf-8",
    )
    with pytest.raises(CourseError, match="Somebody worked"):
        build(notebooks)


# -- executed -----------------------------------------------------------------------------------------------


def test_executed_outputs_are_stored_and_lasting(executed):
    cells = nbformat.read(executed / "solutions" / "01_toy.ipynb", 4).cells
    assert [cell.execution_count for cell in cells[1:]] == [1, 2, 3]
    assert cells[2].outputs[0].text == "[1.1] PASS\n" and cells[3].outputs[0].text == "한\n글\n"
    assert all("execution" not in cell.metadata for cell in cells)
    assert check(executed) == []


def test_executing_again_gives_the_same_bytes(executed):
    before = files(executed)
    assert execute(executed, ["01"]) == [] and files(executed) == before


def test_outputs_survive_for_cells_that_did_not_change(executed, course):
    notebooks = course(TOY.replace("본문", "다른 본문").replace("'글'", "'자'"))
    (notebooks / "solutions").mkdir()
    (notebooks / "solutions" / "01_toy.ipynb").write_bytes(
        (executed / "solutions" / "01_toy.ipynb").read_bytes()
    )
    build(notebooks)
    cells = nbformat.read(notebooks / "solutions" / "01_toy.ipynb", 4).cells
    assert (
        [cell.execution_count for cell in cells[1:]] == [1, 2, None]
        and cells[2].outputs
        and not cells[3].outputs
    )


def test_outputs_of_a_cell_that_was_edited_in_the_notebook_are_dropped(copied):
    path = copied / "solutions" / "01_toy.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("print('글')", "print('자')"), encoding="utf-8")
    build(copied)
    cell = nbformat.read(path, 4).cells[3]
    assert "print('글')" in cell.source and not cell.outputs and cell.execution_count is None


def test_nbval_passes_the_solution_and_stops_at_the_check_of_the_stub(executed):
    def nbval(*arguments) -> str:
        done = subprocess.run(
            [*PYTEST, *arguments],
            cwd=executed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "COURSE_PROGRESS": "off"},
        )
        return done.stdout

    sanitize = f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval_sanitize.cfg'}"
    assert "3 passed" in nbval("--nbval", sanitize, "solutions/01_toy.ipynb")
    unsolved = nbval("--nbval-lax", "01_toy.ipynb")
    assert "1 failed, 2 passed" in unsolved and "FAILED 01_toy.ipynb::Cell 1" in unsolved


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ('<img src="data:image/png;base64,AAAA=">', '<img src="data:image/png;base64,BB+/">', True),
        ("<f at 0x7f3a2b4c5d6e>", "<f at 0x7f0000000000>", True),
        ("model_id='" + "0a" * 16 + "'", "model_id='" + "1b" * 16 + "'", True),
        ("took 1.25 s", "took 31 seconds", True),
        ("[1.1] PASS 6/6", "[1.1] PASS 5/6", False),
        ("return 0.80 after 40 steps", "return 0.30 after 41 steps", False),
    ],
)
def test_nbval_overlooks_only_what_differs_between_right_runs(one, other, equal):
    from nbval.plugin import get_sanitize_patterns

    def sanitized(text: str) -> str:
        for pattern, instead in patterns:
            text = re.sub(pattern, instead, text)
        return text

    patterns = get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="ascii"))
    assert (sanitized(one) == sanitized(other)) is equal


def test_a_failing_cell_is_named_and_nothing_is_written(course):
    notebooks = course(PROSE + code("x = 1") + code("x / 0"))
    build(notebooks)
    before = files(notebooks)
    with pytest.raises(
        SourceError, match=r"01_toy.md:20: Code cell 2 of the solution failed: ZeroDivisionError"
    ):
        execute(notebooks)
    assert files(notebooks) == before


# -- check --------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(executed, course):
    notebooks = course(TOY)
    (notebooks / "solutions").mkdir()
    for name in ("01_toy.ipynb", "solutions/01_toy.ipynb"):
        (notebooks / name).write_bytes((executed / name).read_bytes())
    assert check(notebooks) == []
    return notebooks


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            "01_toy.ipynb",
            "raise NotImplementedError",
            "return hidden",
            "the cell at line 16 of the source differs",
        ),
        ("01_toy.ipynb", '"id": "01-', '"id": "02-', "the cell at line 1 of the source differs"),
        (
            "01_toy.ipynb",
            '"name": "python"\n',
            '"name": "python", "version": "3"\n',
            "metadata or formatting differ",
        ),
        ("01_toy.ipynb", '"outputs": []', '"outputs":[]', "metadata or formatting differ"),
        ("01_toy.ipynb", "{", "[", "can't be read as a notebook"),
        ("solutions/01_toy.ipynb", "if fresh:", "if not fresh:", "the cell at line 16 of the source differs"),
        (
            "solutions/01_toy.ipynb",
            '"execution_count": 2',
            '"execution_count": null',
            "line 26 of the source was never executed",
        ),
        ("solutions/01_toy.ipynb", '"execution_count": 3', '"execution_count": 7', "not executed in one run"),
        (
            "solutions/01_toy.ipynb",
            '"metadata": {},\n   "outputs": [\n',
            '"metadata": {"execution": {}},\n   "outputs": [\n',
            "differs",
        ),
    ],
)
def test_what_is_out_of_step_is_seen(copied, name, old, new, sentence):
    path = copied / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = files(copied)
    found = check(copied)
    assert len(found) == 1 and sentence in found[0].en and found[0].en.startswith(f"notebooks/{name}: "), (
        found
    )
    assert files(copied) == before  # nothing was written


def test_a_stored_error_is_seen(copied):
    path = copied / "solutions" / "01_toy.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    assert "holds a stored error" in check(copied)[0].en


def test_missing_and_stray_notebooks_are_seen(copied):
    (copied / "01_toy.ipynb").rename(copied / "07_other.ipynb")
    assert [m.en.split(":")[0] for m in check(copied)] == [
        "notebooks/01_toy.ipynb",
        "notebooks/07_other.ipynb",
    ]


def test_a_widgets_view_is_not_kept(executed):
    notebook = nbformat.read(executed / "solutions" / "01_toy.ipynb", 4)
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "0" * 32}}
    notebook.cells[2].outputs = [
        nbformat.v4.new_output("display_data", data=view | {"text/plain": "live view"}),
        nbformat.v4.new_output("display_data", data=view),
    ]
    lesson = read_lesson(executed / "source" / "01_toy.md")
    outputs = json.loads(solution_notebook(lesson, notebook))["cells"][2]["outputs"]
    assert [output["data"] for output in outputs] == [{"text/plain": ["live view"]}]


# -- an author's slips --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("def f():\n    ### BEGIN SOLUTION\n    return 1", 17, "has no '### END SOLUTION'"),
        ("def f():\n    return 1\n    ### END SOLUTION", 18, "has no '### BEGIN SOLUTION'"),
        ("### BEGIN SOLUTION\nx = 1\n### BEGIN SOLUTION\n### END SOLUTION", 16, "has no '### END SOLUTION'"),
        ("def f():\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION", 17, "Write the mark"),
        ("def f():\n    ### begin solution:\n    return 1", 17, "Write the mark"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", 16, "outside a function needs"),
        (
            "def f():\n    ### BEGIN SOLUTION\n    # nothing\n    ### END SOLUTION\n    return 1",
            17,
            "no code after",
        ),
        ("### BEGIN SOLUTION\nx = 1\n### INSTEAD\nx = 2\n### END SOLUTION", 19, "is commented out"),
        (
            "### BEGIN SOLUTION\nx = 1\n### INSTEAD\n# x = (\n### END SOLUTION",
            16,
            "not valid Python in the learner's",
        ),
        ("### INSTEAD", 16, "stands once"),
        ("x = 1\ny = (", 17, "syntax error"),
        (
            'check("1.1", f)\ncheck("1.1", f)',
            17,
            'The exercise id "1.1" is taken by notebooks/source/01_toy.md:16',
        ),
    ],
)
def test_a_slip_in_a_code_cell_is_said_with_its_line(course, source, line, message):
    notebooks = course(PROSE + code(source))
    with pytest.raises(SourceError) as raised:
        build(notebooks)
    first = raised.value.complaints[0]
    assert first.line == line and message in first.message.en, raised.value.complaints
    assert str(first.path) == "notebooks/source/01_toy.md" and not list(notebooks.rglob("*.ipynb"))


def test_the_lines_counted_on_above():
    assert (PROSE + code("first")).splitlines()[16 - 1] == "first"


def test_an_id_taken_by_another_lesson_is_seen_even_when_one_is_built(course):
    notebooks = course(PROSE + code('check("1.1", f)'), "02_more.md")
    with pytest.raises(SourceError, match='"1.1" is taken by notebooks/source/01_toy.md'):
        build(notebooks, ["02"])
    assert len(build(notebooks, ["01"])) == 2


def test_options_that_are_no_yaml_and_a_prose_cell_in_one_language(course):
    with pytest.raises(SourceError, match=r"01_toy.md:\d+: This can't be read"):
        build(course(PROSE + code("x = 1", ":tags: [a\n\n")))
    with pytest.raises(SourceError, match="01_toy.md:1: Korean is missing"):
        build(course("Text."))


def test_names(course):
    notebooks = course(TOY)
    assert len(build(notebooks, ["01_toy.md"])) == 2
    with pytest.raises(CourseError, match="There is no lesson '9'. Give one of: 01_toy"):
        build(notebooks, ["9"])


def test_the_notebooks_folder_is_found_from_within(course, monkeypatch):
    monkeypatch.chdir(course(TOY) / "source")
    assert find_notebooks() == course(TOY)


# -- what a lesson defines -----------------------------------------------------------------------------------


def test_a_lessons_own_definitions_can_be_run_elsewhere():
    found = definitions("05", "plan_search", "PlanSettings", "QUICK")
    assert set(found["QUICK"]) == {"RL²", "DREAM"} and found["PlanSettings"]().updates == 100
    assert found["plan_search"].__code__.co_filename == "05_head_to_head.md"
    with pytest.raises(LookupError, match="defines no plan_such"):
        definitions("05", "plan_such", "PlanSettings")
