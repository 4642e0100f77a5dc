"""Grading: what is taken from a submission, what decides, what an instructor reads."""

import base64
import contextlib
import csv
import dataclasses
import importlib.util
import io
import json
import math
import pickle
import re
import shlex
import shutil
import sys
import unicodedata
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import grading_corpus
import numpy as np
import pytest
import torch

from course_lib import cli
from course_lib.authoring.validate import ignorant_functions
from course_lib.bilingual import Bilingual, CourseError
from course_lib.grading import grade, handout, mutants, probe, report, sandbox, submission, verdict, wire
from course_lib.grading.grade import Row
from course_lib.grading.release import preamble, read_releases
from course_lib.lesson import exercise as engine
from course_lib.lesson.compare import compact, difference, unchanged
from course_lib.lesson.exercise import WrongAnswer

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = grading_corpus.release()
LESSON = "01_end_to_end.ipynb"
CONTAINED = pytest.mark.skipif(sandbox.best_tier() != "contained", reason="bubblewrap does not work here")


def handed_in(path: Path, changes: dict[str, str], solved: bool = True) -> Path:
    """A submission of lesson 01: the solved notebook, or the empty one, with some functions' cells replaced."""
    notebook = json.loads((NOTEBOOKS / ("solutions" if solved else ".") / LESSON).read_text(encoding="utf-8"))
    left = dict(changes)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        for name in list(left):
            if cell["cell_type"] == "code" and f"def {name}(" in source:
                cell["source"] = left.pop(name)
    assert not left  # each was found
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return path


def table(path: Path) -> dict[str, dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@CONTAINED
def test_a_right_and_a_wrong_submission_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "submissions"
    folder.mkdir()
    handed_in(folder / "01_end_to_end_김철수.ipynb", {})
    cut = "def returns_to_go(reward, episode_over, discount):\n    return reward.clone()"
    handed_in(folder / "wrong.ipynb", {"returns_to_go": cut})
    assert cli.main(["grade", str(folder), "--csv", str(tmp_path / "grades.csv"), "--seed", "1"]) == 0
    rows = table(tmp_path / "grades.csv")
    right, wrong = rows["01_end_to_end_김철수.ipynb"], rows["wrong.ipynb"]
    assert (right["student"], right["status"], right["points"], right["tier"]) == ("김철수", "PASS", "4", "contained")
    assert (wrong["status"], wrong["1.1"], wrong["1.2"], wrong["points"]) == ("FAIL", "PASS", "FAIL", "3")
    assert "2: PASS 1  FAIL 1" in capsys.readouterr().out


# -- values on the wire ---------------------------------------------------------------------------------------


@dataclass
class Pair:
    left: torch.Tensor
    right: int


@pytest.mark.parametrize(
    "value",
    [
        None, ..., True, False, 0, -(2**62), 0.1, float("inf"), float("-inf"), 1 + 2j, "한글", (), [], {}, {1, 2},
        (1, [2.0, {"a": (None,)}]), torch.tensor(3.5), torch.arange(6).view(2, 3), torch.zeros(0, 4), torch.tensor([[True], [False]]),
        torch.tensor([0.49, 0.03, 7]).half(), torch.tensor([0.94, 0.41, 7]).bfloat16(), torch.arange(3, dtype=torch.uint8),
        np.arange(4.0).reshape(2, 2), np.array([True]), np.float32(0.5), np.int64(7), torch.arange(16.0).view(4, 4).T / 7,
        {"a": torch.ones(2)}, Pair(torch.ones(2), 3),
    ],
    ids=lambda value: compact(value)[:40],
)  # fmt: skip
def test_a_value_survives_the_wire(value):
    written = json.loads(json.dumps(wire.encode(value)))
    back = wire.decode(written, wire.dataclasses_in(value))
    assert difference(value, back, tolerance=0.0, dtype_matters=True) is None
    assert wire.digest(back) == wire.digest(value)


def test_nan_and_gradients_survive_the_wire():
    weight = torch.ones(2, requires_grad=True)
    assert wire.decode(wire.encode(weight)).requires_grad
    assert wire.decode(wire.encode(float("nan"))) != 0 and torch.isnan(wire.decode(wire.encode(torch.tensor(math.nan))))


@pytest.mark.parametrize(
    "written",
    [
        7.5, "text", [], [1], {}, {"float": 1.5}, {"float": "x"}, {"tensor": "float32"}, {"complex": ["0x0p0"]},
        {"tensor": "float32", "shape": [2**40, 2**40], "grad": False, "data": ""},
        {"tensor": "float32", "shape": [-1], "grad": False, "data": ""},
        {"tensor": "float32", "shape": [3], "grad": False, "data": "AAAA"},
        {"tensor": "object", "shape": [], "grad": False, "data": ""},
        {"tensor": "float32", "shape": [True], "grad": False, "data": "AAAAAAAAAAA="},
        {"array": "bfloat16", "shape": [0], "grad": False, "data": ""},
        {"map": [[1]]}, {"map": [[{"list": []}, 1]]}, {"set": [{"list": []}]}, {"list": 3}, {"text": 5},
        {"dataclass": "os.system", "fields": 3}, {"list": [], "tuple": []}, 2**70, {"other": None}, {"exec": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_what_encode_cannot_have_written_is_refused(written):
    with pytest.raises(wire.Unreadable):
        wire.decode(written, {"os.system": Pair})


def test_deep_values_neither_hang_nor_recurse():
    deep = []
    for _ in range(5000):
        deep = [deep]
    wire.decode(wire.encode(deep))
    with pytest.raises(wire.Unreadable):
        wire.decode({"list": [json.loads('{"list": [' * 100 + "]}" * 100)]})


def test_only_expected_classes_are_made_and_nothing_of_theirs_is_run():
    written = wire.encode(Pair(torch.ones(2), 3))
    assert isinstance(wire.decode(written), wire.Foreign)
    assert not isinstance(wire.decode(wire.encode(print)), type(print))


# -- what decides ---------------------------------------------------------------------------------------------


def ran(exercise_id: str, answer, seed: int = 0, **changes) -> dict:
    """What the runner writes down about an answer, had it run in a kernel."""
    cases = verdict.fresh_cases(exercise_id, seed)
    with contextlib.redirect_stdout(io.StringIO()), shown_to([]) as shown:
        probe.probe(exercise_id, lambda: answer, cases.inputs)
    usual = {"state": "ran", "passed": True, "xfail": False, "written": shown, "error": {}, "answer_error": None}
    return usual | changes


@contextlib.contextmanager
def shown_to(shown: list):
    usual, probe.display = probe.display, lambda data, raw: shown.append(data[probe.MIME])
    try:
        yield shown
    finally:
        probe.display = usual


def status(exercise_id: str, happened: dict, seed: int = 0) -> str:
    return verdict.status_of(engine.find(exercise_id), happened, seed).status


GRADED = [exercise for exercise in engine.all_exercises() if exercise.cases is not None]
BY_ID = pytest.mark.parametrize("exercise", GRADED, ids=lambda exercise: exercise.id)


@BY_ID
def test_right_answers_pass_on_twenty_seeds(exercise):
    for seed in range(20):
        for answer in (exercise.reference, exercise.solution, *exercise.also_right):
            assert status(exercise.id, ran(exercise.id, answer, seed), seed) == "PASS"


@BY_ID
def test_named_mistakes_fail_with_their_own_message(exercise):
    for seed in range(5):
        for wrong in exercise.wrong:
            graded = verdict.status_of(exercise, ran(exercise.id, wrong.answer, seed), seed)
            assert (graded.status, graded.message) == ("FAIL", wrong.message)
            assert graded.verdict.call and graded.verdict.expected


@BY_ID
def test_answers_that_know_nothing_never_pass(exercise):
    for name, answer in ignorant_functions(exercise).items():
        assert status(exercise.id, ran(exercise.id, answer)) in {"FAIL", "ERROR"}, name
    for answer in (None, ...):
        assert status(exercise.id, ran(exercise.id, answer)) == "TODO"
    assert status(exercise.id, ran(exercise.id, 3)) == "FAIL"


def test_the_right_numbers_with_another_gradient_fail_here_as_in_the_lesson():
    exercise = engine.find("2.2")
    half = ran("2.2", lambda mean, variance: exercise.solution(mean.detach(), variance))
    graded = verdict.status_of(exercise, half, 0)
    assert graded.status == "FAIL" and "gradient into `mean`" in graded.message.en
    right = json.loads(ran("2.2", exercise.solution)["written"][0])
    for forged in (None, 3, {"list": []}, {"list": [{"list": [{"list": []}]}] * 2}, {"list": [3, None]}):
        for written in right["runs"]:
            written["gradients"] = forged
        assert status("2.2", half | {"written": [json.dumps(right)]}) == "FAIL", forged


@BY_ID
def test_right_numbers_do_not_help_an_item_that_did_not_pass(exercise):
    right = ran(exercise.id, exercise.solution)
    assert status(exercise.id, right) == "PASS"
    assert status(exercise.id, right | {"xfail": True}) == "ERROR"
    assert status(exercise.id, right | {"passed": False}) == "ERROR"
    assert status(exercise.id, right | {"written": []}) == "ERROR"
    assert status(exercise.id, right | {"written": right["written"] * 2}) == "FAIL"
    assert status(exercise.id, {"state": "killed", "reason": "time"}) == "TIMEOUT"
    assert status(exercise.id, {"state": "todo"}) == "TODO"
    renamed = json.dumps(json.loads(right["written"][0]) | {"exercise": "0.0"})
    assert status(exercise.id, right | {"written": [renamed]}) == "FAIL"
    other = next(one for one in GRADED if one is not exercise)
    assert status(exercise.id, ran(other.id, other.solution)) == "FAIL"


@BY_ID
def test_numbers_for_other_inputs_do_not_pass(exercise):
    assert status(exercise.id, ran(exercise.id, exercise.solution, seed=1), seed=2) == "FAIL"


@BY_ID
def test_what_goes_into_the_kernel_holds_no_expected_value(exercise):
    cases = verdict.fresh_cases(exercise.id, 0)
    inside = pickle.loads(base64.b64decode(cases.inputs))
    assert len(inside) == len(cases.cases)
    for (seed, arguments), case in zip(inside, cases.cases, strict=True):
        assert seed == exercise.seed and unchanged(pickle.loads(arguments), case)


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "3", '{"exercise": "1.3"}', '{"exercise": "1.3", "runs": 3}', "[" * 100_000, "x" * 5_000_000]
    + [json.dumps({"exercise": "1.3", "runs": [run] * 10}) for run in ({}, [], 3, {"error": 3}, {"value": {"float": "1"}})],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_forged_answer_is_no_answer(written):
    happened = {"state": "ran", "passed": True, "xfail": False, "written": [written], "error": {}, "answer_error": None}
    assert status("1.3", happened) in {"FAIL", "ERROR"}


@pytest.mark.parametrize("exercise", GRADED, ids=lambda exercise: exercise.id)
def test_mutants_of_the_solution_are_refused(exercise):
    score = mutants.score(exercise)
    assert score.total >= 8
    argued = mutants.SAME_MEANING.get(exercise.id, {})
    assert score.refused >= 0.95, [one.changed for one in score.survivors if one.changed not in argued]
    assert {one.changed for one in score.survivors} >= set(argued)  # nothing is argued away that is refused


# -- what is taken --------------------------------------------------------------------------------------------

RELEASES = read_releases(NOTEBOOKS)
CASES = {case.name: case for case in grading_corpus.corpus(Path("/outside"), 9)}


def taken(name: str, tmp_path: Path) -> dict[str, str]:
    """By exercise the source that would be run for a case of the corpus."""
    path = grading_corpus.write(CASES[name], tmp_path)
    cells = submission.read_cells(submission.read_bytes(path))
    release = submission.which_release(cells, RELEASES, path.name)
    return {answer.exercise: "\n".join(answer.sources) for answer in submission.answers(cells, release)}


def test_the_release_is_understood():
    release = next(release for release in RELEASES if release.lesson == "1")
    assert [gap.exercise for gap in release.gaps] == ["1.1", "1.2", "1.3", "1.4"]
    assert [gap.cells[0].names[-1] for gap in release.gaps] == list(grading_corpus.ANSWERS.values())
    assert all("### " not in gap.cells[0].stub for gap in release.gaps)


def test_check_cells_are_never_taken(tmp_path):
    assert taken("cells-right-answer-in-check-cell", tmp_path)["1.3"].strip() == grading_corpus.WRONG.strip()
    assert "raise NotImplementedError" in taken("cells-answer-only-in-check-cell", tmp_path)["1.3"]
    assert taken("cells-second-try-below", tmp_path)["1.3"] == grading_corpus.WRONG  # the answer cell is what counts
    for exercise, source in taken("cells-trap-in-check-cells", tmp_path).items():
        assert f"def {grading_corpus.ANSWERS[exercise]}(" in source and "while True" not in source


@pytest.mark.parametrize("name", ["cells-no-ids", "cells-other-ids", "cells-duplicate-ids", "cells-upside-down", "cells-only-answers"])
def test_answers_are_found_without_their_ids(name, tmp_path):
    assert taken(name, tmp_path) == taken("cells-solved", tmp_path)


def test_nothing_but_answers_and_the_release_is_run(tmp_path):
    release = next(release for release in RELEASES if release.lesson == "1")
    answers = taken("cells-trap-elsewhere", tmp_path)
    merged = preamble(release, answers.values()) + "".join(answers.values())
    assert "os._exit" not in merged and "live(" not in merged and "exercises" not in merged


def test_what_a_lesson_shows_and_its_solutions_are_stand_ins():
    release = next(release for release in RELEASES if release.lesson == "1")
    text = preamble(release, ["strangers_carry(check, live, quiz)"])
    for name in ("strangers_carry", "check", "live", "quiz"):
        assert f"{name} = _Absent()" in text
    assert not re.search(r"course_lib\.(lesson|views|authoring)", text)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("file-") and CASES[name].expected == grading_corpus.INVALID])
def test_broken_files_are_invalid(name, tmp_path):
    if name == "file-many-small-things":
        pytest.skip("is refused for its memory, in a process of its own")
    path = grading_corpus.write(CASES[name], tmp_path)
    with pytest.raises(submission.Invalid) as problem:
        cells = submission.read_cells(submission.read_bytes(path))
        submission.answers(cells, submission.which_release(cells, RELEASES, path.name))
    assert problem.value.reason in report.INVALID
    assert (problem.value.reason == "link") == name.startswith("file-link")


# -- what the kernel sees of the course -----------------------------------------------------------------------


def test_the_course_in_the_kernel_holds_no_solution(tmp_path):
    course = sandbox.write_course(tmp_path / "c", [exercise.solution for exercise in GRADED])
    files = list(course.rglob("*"))
    assert (course / "course_lib" / "grading" / "probe.py").is_file()
    assert not [file for file in files if file.parent.name == "exercises" or file.name in {"verdict.py", "cli.py"}]
    content = [file.read_bytes() for file in files if file.is_file()]
    for exercise in GRADED:
        body = "\n".join(engine.solution_source(exercise).splitlines()[2:]).encode()  # below the docstring
        assert not any(body in one for one in content), exercise.id
    rl2 = (course / "course_lib" / "agents" / "rl2.py").read_text(encoding="utf-8")
    assert rl2.count(sandbox.EMPTIED) == 2  # rl2_input and carry_hidden_state
    compile(rl2, "rl2.py", "exec")


# -- the table ------------------------------------------------------------------------------------------------

EXERCISES = {"01_end_to_end": ["1.1", "1.2"]}


def cells_of(row: Row, **weights) -> dict[str, str]:
    return report.cells(row, EXERCISES, weights, 7, "abc", "ko")


def graded_as(status: str, exercise: str = "1.1", message: str = "왜 · why") -> verdict.Graded:
    return verdict.Graded(engine.find(exercise), status, Bilingual(message, message) if status != "PASS" else None)


def row_of(file: str = "kim.ipynb", *statuses: str, **others) -> Row:
    graded = tuple(graded_as(status, exercise) for status, exercise in zip(statuses, ("1.1", "1.2"), strict=False))
    return Row(file, others.pop("student", "김"), "contained", "01_end_to_end", graded, **others)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "|cmd", "\x00=1", "\n=1", "'=1", "\u200b=1"])
def test_no_cell_is_a_formula(text, tmp_path):
    names = report.columns(["1.1", "1.2"])
    report.write_csv(tmp_path / "g.csv", names, [cells_of(row_of(text, "PASS", "FAIL", student=text))])
    raw = (tmp_path / "g.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
    (row,) = table(tmp_path / "g.csv").values()
    for value in row.values():
        assert not value.strip().startswith(tuple("=+-@＝＋－＠|\t\r"))


def test_the_table_adds_up(tmp_path):
    names = report.columns(["1.1", "1.2"])
    rows = [
        cells_of(row_of("b.ipynb", "PASS", "FAIL"), **{"1.1": 2.5}), cells_of(row_of("a.ipynb", "PASS", "TODO")),
        cells_of(Row("c.ipynb", "c", "contained", "01_end_to_end", invalid="empty")),
        cells_of(Row("d.ipynb", "d", "contained", broken="bug")),
    ]  # fmt: skip
    report.write_csv(tmp_path / "g.csv", names, rows)
    read = table(tmp_path / "g.csv")
    assert list(read) == ["a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb"]
    assert [read[name]["status"] for name in read] == ["TODO", "FAIL", "INVALID", "UNGRADED"]
    assert [(read[name]["points"], read[name]["out_of"]) for name in read] == [("1", "2"), ("2.5", "3.5"), ("0", "2"), ("", "")]
    assert report.read_csv(tmp_path / "g.csv", names) == [read[name] for name in read]
    assert report.read_csv(tmp_path / "g.csv", [*names, "other"]) == []


def test_a_full_disk_leaves_the_table_that_was_there(tmp_path, monkeypatch):
    names = report.columns(["1.1", "1.2"])
    report.write_csv(tmp_path / "g.csv", names, [cells_of(row_of("a.ipynb", "PASS", "PASS"))])
    before = (tmp_path / "g.csv").read_bytes()

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CourseError, match="No space left"):
        report.write_csv(tmp_path / "g.csv", names, [])
    assert (tmp_path / "g.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_junit_is_xml_whatever_is_in_a_name(tmp_path):
    rows = [cells_of(row_of("\x1b[31m<&\"'\ud800.ipynb".encode("utf-8", "replace").decode(), "PASS", "FAIL")),
            cells_of(row_of("b.ipynb", "TIMEOUT", "TODO")), cells_of(Row("c", "c", "contained", invalid="empty"))]  # fmt: skip
    report.write_junit(tmp_path / "g.xml", rows, EXERCISES)
    root = ElementTree.parse(tmp_path / "g.xml").getroot()
    suites = {suite.get("name")[:1]: suite for suite in root}
    assert [(s.get("tests"), s.get("failures"), s.get("errors")) for _, s in sorted(suites.items())] == [
        ("2", "1", "0"), ("2", "1", "1"), ("1", "0", "1"),
    ]  # fmt: skip
    assert suites["b"].find("testcase/error").get("type") == "TIMEOUT"


@pytest.mark.parametrize(("language", "there", "missing"), [("ko", "기대한 값", "expected"), ("en", "expected", "기대한"), ("both", "기대한 값", "\x1b")])
def test_the_report_speaks_the_learners_language(language, there, missing):
    exercise = engine.find("1.2")
    wrong = exercise.wrong[0]
    graded = verdict.status_of(exercise, ran("1.2", wrong.answer), 0)
    printed = verdict.Graded(exercise, "ERROR", Bilingual("\x1b[2J나쁨", "\x1b[2Jbad"))
    text = report.report(Row("kim.ipynb", "kim", "contained", "01_end_to_end", (graded, printed)), language)
    assert there in text and missing not in text
    assert "returns_to_go(reward, episode_over, discount)" in text
    assert (wrong.message.en if language != "ko" else wrong.message.ko) in text
    assert (exercise.hints[0].en if language != "ko" else exercise.hints[0].ko) in text


def test_every_reason_is_said_in_both_languages():
    for message in [*report.INVALID.values(), *(message for _, message in verdict.KILLED.values()), *report.STATUS.values()]:
        assert re.search("[가-힣]", message.ko) and not re.search("[가-힣]", message.en)


# -- the command ----------------------------------------------------------------------------------------------


def test_strangers_are_not_run_without_containment(tmp_path, monkeypatch, capsys):
    handed_in(tmp_path / "kim.ipynb", {})
    monkeypatch.setattr(sandbox, "best_tier", lambda: "limited")
    monkeypatch.setattr(grade, "grade_all", lambda *arguments: pytest.fail("it was run"))
    assert cli.main(["grade", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "--tier limited" in said and "bubblewrap" in said and "믿는다면" in said
    assert cli.main(["grade", str(tmp_path), "--tier", "contained"]) == 2
    monkeypatch.setattr(grade, "grade_all", lambda *arguments: iter(()))
    assert cli.main(["grade", str(tmp_path), "--tier", "limited"]) == 0
    assert cli.main(["grade", str(tmp_path / "kim.ipynb")]) == 0  # one's own


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no notebook"), ([".", "--lesson", "99"], "no such lesson"), ([".", "--only", "9.9"], "no such"),
        ([".", "--weights", "1.1"], "weights"), ([".", "--weights", "1.1=nan"], "weights"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(arguments, said, tmp_path, monkeypatch, capsys):
    handed_in(tmp_path / "kim.ipynb", {})
    monkeypatch.setattr(sandbox, "best_tier", lambda: "contained")
    arguments[0] = str(tmp_path / arguments[0])
    assert cli.main(["grade", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_students_names(tmp_path):
    names = {
        "01_end_to_end_김철수.ipynb": "김철수", "김철수_01_end_to_end.ipynb": "김철수", "kim/01_end_to_end.ipynb": "kim",
        "kim.ipynb": "kim", "01_end_to_end.ipynb": "01_end_to_end", "2021_12345_lee.ipynb": "2021_12345_lee",
        unicodedata.normalize("NFD", "이영희") + "/a.ipynb": "이영희", "link.ipynb": "link",
    }  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name == "link.ipynb":
            (tmp_path / name).symlink_to("/etc/passwd")
        else:
            (tmp_path / name).touch()
    (tmp_path / "kim" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "kim" / ".ipynb_checkpoints" / "a.ipynb").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    found = grade.find_submissions(tmp_path)
    assert {file: student for _, file, student in found} == {
        unicodedata.normalize("NFC", name): student for name, student in names.items()
    }


# -- handing out and taking in --------------------------------------------------------------------------------


def test_assign_hands_out_a_clean_notebook(tmp_path, capsys):
    assert cli.main(["assign", "01", "--out", str(tmp_path / "out")]) == 0
    notebook = tmp_path / "out" / LESSON
    assert notebook.read_bytes() == (NOTEBOOKS / LESSON).read_bytes()
    page = (tmp_path / "out" / "01_end_to_end.README.md").read_text(encoding="utf-8")
    assert "답 셀" in page and "answer cells" in page
    assert cli.main(["assign", "01", "--out", str(tmp_path / "out")]) == 0  # the same again
    notebook.write_text("mine")
    assert cli.main(["assign", "01", "--out", str(tmp_path / "out")]) == 2
    assert notebook.read_text() == "mine"
    assert cli.main(["assign", "77", "--out", str(tmp_path / "out")]) == 2
    capsys.readouterr()


@pytest.mark.parametrize("spoil", ["solution", "output", "elsewhere"])
def test_assign_refuses_what_is_not_clean(spoil, tmp_path):
    release = tmp_path / "notebooks"
    (release / "solutions").mkdir(parents=True)
    for name in (LESSON, f"solutions/{LESSON}"):
        shutil.copy(NOTEBOOKS / name, release / name)
    content = json.loads((release / LESSON).read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    if spoil == "output":
        code[0]["execution_count"] = 1
    elif spoil == "elsewhere":
        code[-1]["source"] = "# following = reward[:, t] + discount * following"
    else:
        grading_corpus.answer_cell(content, "1.3")["source"] = grading_corpus.source(
            grading_corpus.answer_cell(grading_corpus.notebook(), "1.3")) + "\n# mine"
    grading_corpus.save(content, release / LESSON)
    with pytest.raises(CourseError):
        handout.assign(release, ["01"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_collect_trusts_no_path(tmp_path):
    out, archive = tmp_path / "deep" / "out", tmp_path / "a.zip"
    (tmp_path / "deep").mkdir()
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = (0o120777 << 16)
    odd = {
        "../../up.ipynb": "up.ipynb", "/etc/absolute.ipynb": "etc/absolute.ipynb", "C:\\windows\\drive.ipynb": "C_/drive.ipynb",
        "kim/01_end_to_end.ipynb": "kim/01_end_to_end.ipynb", "kim/deeper/still/b.ipynb": "kim/b.ipynb",
        "..\\..\\back.ipynb": "back.ipynb", "a\x00b/evil.ipynb": None, "CON.ipynb": "_CON.ipynb", "-rf.ipynb": "rf.ipynb",
        "=1+1.ipynb": "=1+1.ipynb", ".hidden/x.ipynb": "hidden/x.ipynb", "가" * 90 + ".ipynb": "가" * 38 + ".ipynb",
        "kim/01_END.IPYNB": "kim/01_END.IPYNB", "x/\x1b[31m.ipynb": "x/_[31m.ipynb",
    }  # fmt: skip
    with zipfile.ZipFile(archive, "w") as members, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in odd:
            members.writestr(name, f"content of {name}")
        members.writestr(link, "/etc/passwd")
        members.writestr("kim/01_end_to_end.ipynb", "the same name again")
        for name in ("readme.txt", "__MACOSX/kim/._a.ipynb", "kim/.ipynb_checkpoints/a.ipynb", "inner.zip"):
            members.writestr(name, "no")
        members.writestr("bomb.ipynb", bytes(60_000_000), zipfile.ZIP_DEFLATED)
    before = set(tmp_path.rglob("*"))
    found = list(handout.collect(archive, out))
    new = {path for path in tmp_path.rglob("*") if path not in before and path.is_file()}
    assert all(path.is_relative_to(out) and not path.is_symlink() for path in new)
    places = {one.member: one.path.relative_to(out).as_posix() for one in found if one.path}
    for name, place in odd.items():
        if place:
            assert places[name.replace("\\", "/")] == place or name == "kim/01_end_to_end.ipynb"
    assert (out / "kim" / "01_end_to_end (2).ipynb").read_text() == "the same name again"
    why = {one.member: one.why for one in found if not one.path}
    assert why["link.ipynb"] == handout.LINK and why["bomb.ipynb"] == handout.TOO_LARGE
    assert {"readme.txt", "__MACOSX/kim/._a.ipynb", "kim/.ipynb_checkpoints/a.ipynb", "inner.zip"} <= set(why)


def test_collect_reads_korean_names_of_windows_and_of_macs():
    raws = ("홍길동/a.ipynb".encode("cp949"), unicodedata.normalize("NFD", "김철수/b.ipynb").encode())
    assert [handout._member_name(info) for info in _infos(*raws)] == ["홍길동/a.ipynb", "김철수/b.ipynb"]


def _infos(*raws: bytes):
    for raw in raws:
        info = zipfile.ZipInfo(raw.decode("cp437"))
        info.flag_bits = 0
        yield info


def test_collect_says_what_is_no_zip(tmp_path, capsys):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no")
    assert cli.main(["collect", str(tmp_path / "a.zip"), "--out", str(tmp_path / "out")]) == 2
    assert "zip" in capsys.readouterr().err


# -- the page for instructors ---------------------------------------------------------------------------------

PAGE = (REPOSITORY / "course_lib" / "grading" / "README.md").read_text(encoding="utf-8")


def fenced(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_command_on_the_page_is_one():
    lines = [line for block in fenced("sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines]
    assert len(commands) == 16
    for command in commands:
        if command[0] == "course":
            options = cli._parser().parse_args(command[1:])
            assert callable(options.run)
        else:
            assert command[:3] == ["python", "-m", "pytest"] and (REPOSITORY / command[-1]).is_file()


def test_both_languages_of_the_page_say_the_same():
    korean, english = PAGE.split("\n## English\n")
    korean = korean.split("\n## 한국어\n")[1]
    english = english.split("```python")[0]
    for pattern in (r"^### ", r"^- ", r"^\| [A-Z]+ \|", r"^```sh"):
        assert len(re.findall(pattern, korean, re.M)) == len(re.findall(pattern, english, re.M)) > 0, pattern
    for name in verdict.STATUSES:
        assert f"| {name} |" in korean and f"| {name} |" in english
    limits = sandbox.Limits()
    assert PAGE.count(f"{limits.cell_s:.0f} s") and PAGE.count(f"{limits.memory // sandbox.MEGABYTE} MB") == 2


def test_the_exercise_on_the_page_is_sound_and_can_be_graded(tmp_path, monkeypatch):
    whole, checks = fenced("python")
    path = tmp_path / "page.py"
    path.write_text(whole, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("page", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "page", module)
    spec.loader.exec_module(module)
    exec(checks, vars(module))
    monkeypatch.setitem(engine._registered, "99.1", module.exercise)
    assert status("99.1", ran("99.1", module.exercise.solution)) == "PASS"
    verdict.fresh_cases.cache_clear()


def test_an_answer_that_is_a_value(monkeypatch):
    line = dataclasses.replace(
        GRADED[0], id="98.1", signature="line = ...", cases=None, reference=7, solution=7, also_right=(),
        wrong=tuple(WrongAnswer(f"line {n}", n, Bilingual(f"{n}번째 줄", f"line {n}")) for n in (3, 4, 5)),
    )
    monkeypatch.setitem(engine._registered, "98.1", line)
    answers = {7: "PASS", 3: "FAIL", True: "FAIL", None: "TODO", "7": "FAIL", print: "FAIL", math.nan: "FAIL"}
    for answer, expected in answers.items():
        assert status("98.1", ran("98.1", answer)) == expected, answer
    three = verdict.status_of(line, ran("98.1", 3), 0)
    assert three.message.en == "line 3"
    assert "not a function" in verdict.status_of(line, ran("98.1", print), 0).message.en
    verdict.fresh_cases.cache_clear()


@CONTAINED
def test_ones_own_notebook_is_graded_where_it_lies(tmp_path, monkeypatch, capsys):
    """A learner works in notebooks/ itself, which therefore says nothing about how it was handed out."""
    shutil.copytree(REPOSITORY / "notebooks" / "source", tmp_path / "notebooks" / "source")
    mine = handed_in(tmp_path / "notebooks" / LESSON, {})
    monkeypatch.chdir(tmp_path)
    assert cli.main(["grade", str(mine), "--only", "1.3", "--language", "en"]) == 0
    assert "## [1.3] PASS" in capsys.readouterr().out
