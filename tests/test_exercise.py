"""The exercise engine: what passes, what never passes, what a learner is told, what nbval sees."""

import html
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course_lib.authoring.validate import validate
from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards
from course_lib.lesson import exercise as engine
from course_lib.lesson.compare import compact, difference, gradients, unchanged
from course_lib.lesson.exercise import Exercise, NotSolvedYet, WrongAnswer, check, hint, judge

REPOSITORY = Path(__file__).resolve().parents[1]
engine.all_exercises()  # load the course's own exercises before a test puts another registry in place
BOARDS, DECODER = engine.find("5.4"), engine.find("3.5")


def words(text: str) -> Bilingual:
    return Bilingual(ko=f"한국어 {text}", en=f"English {text}")


def carry(hidden, trial_starts):
    """The hidden state of every trial, emptied where a trial starts."""
    return hidden * (~trial_starts).unsqueeze(-1)  # (B, H)


def carry_by_rows(hidden, trial_starts):
    rows = [torch.zeros_like(row) if start else row for row, start in zip(hidden, trial_starts, strict=True)]
    return torch.stack(rows)


def cases(generator):
    return [
        (torch.randn(batch, width, generator=generator), torch.arange(batch) % 2 == 0)
        for batch, width in ((2, 3), (4, 2), (1, 5), (6, 1))
    ]


def never_reset(hidden, trial_starts):
    return hidden.clone()


def always_reset(hidden, trial_starts):
    return torch.zeros_like(hidden)


def reset_the_others(hidden, trial_starts):
    return hidden * trial_starts.unsqueeze(-1)


CARRY = Exercise(
    id="99.1",
    title=words("carry"),
    minutes=5,
    difficulty=2,
    signature="carry(hidden, trial_starts)",
    reference=carry_by_rows,
    solution=carry,
    why=words("why"),
    hints=(words("one"), words("two"), words("three")),
    wrong=(
        WrongAnswer("never reset", never_reset, words("it is never reset")),
        WrongAnswer("always reset", always_reset, words("it is always reset")),
        WrongAnswer("the others", reset_the_others, words("the others are reset")),
    ),
    also_right=(
        lambda hidden, trial_starts: torch.where(trial_starts[:, None], 0.0, hidden),
        lambda hidden, trial_starts: (hidden.double() * (1 - trial_starts.double())[:, None]),
    ),
    cases=cases,
)
LINE = replace(
    CARRY, id="99.2", signature="line = ...", reference=7, solution=7, cases=None, also_right=(7.0,),
    wrong=tuple(WrongAnswer(f"line {n}", n, words(f"line {n} is fine")) for n in (3, 4, 5)),
)


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """A registry of these two exercises only, no progress file, and everything shown collected."""
    collected = []
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setattr(cards, "show", collected.append)
    monkeypatch.setattr(engine, "_registered", {})
    monkeypatch.setattr(engine, "_attempted", set())
    monkeypatch.setattr(engine, "_hints_read", {})
    monkeypatch.setattr(engine, "_nudged", set())
    engine.register(CARRY)
    engine.register(LINE)
    return collected


def outcome(answer, exercise=CARRY):
    return judge(exercise, answer).outcome


# ── outcomes ─────────────────────────────────────────────────────────────────────


def stub(hidden, trial_starts):
    raise NotImplementedError


def never_ending(hidden, trial_starts):
    return never_ending(hidden, trial_starts)


def in_place(hidden, trial_starts):
    hidden[trial_starts] = 0.0
    return hidden


def printing(hidden, trial_starts):
    print(carry(hidden, trial_starts))


def leaving(hidden, trial_starts):
    sys.exit(0)


def failing_inside_torch(hidden, trial_starts):
    summed = hidden.sum(-1)
    return summed @ torch.zeros(1000)


def using_what_torch_lacks(hidden, trial_starts):
    return torch.linalg.qr(hidden.to_sparse())  # raised by compiled code: no frame below this line


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (carry, "PASS", None),
        (stub, "TODO", "Nothing is written"),
        (None, "TODO", "Nothing is written"),
        (..., "TODO", "Nothing is written"),
        (lambda hidden, trial_starts: ..., "TODO", "Nothing is written"),
        (never_ending, "ERROR", "recursion never ends"),
        (leaving, "ERROR", "SystemExit"),
        (failing_inside_torch, "ERROR", "RuntimeError"),
        (using_what_torch_lacks, "ERROR", "NotImplementedError"),
        (lambda hidden: hidden, "ERROR", "number and order of its arguments"),
        (in_place, "FAIL", "in place"),
        (printing, "FAIL", "printed, not returned"),
        (lambda hidden, trial_starts: None, "FAIL", "returned None"),
        (lambda hidden, trial_starts: 0.0, "FAIL", "`result` differs: expected Tensor (2, 3), got float"),
        (lambda hidden, trial_starts: carry(hidden, trial_starts).numpy(), "FAIL", "type of `result`"),
        (lambda hidden, trial_starts: carry(hidden, trial_starts).T, "FAIL", "expected (2, 3), got (3, 2)"),
        (lambda hidden, trial_starts: carry(hidden, trial_starts) / 0 * 0, "FAIL", "NaN"),
        (lambda hidden, trial_starts: carry(hidden, trial_starts) + 0.1, "FAIL", "6 of 6 numbers differ"),
        (3, "FAIL", "A function is needed"),
    ],
)
def test_outcome_and_sentence(answer, expected, said):
    verdict = judge(CARRY, answer)
    assert verdict.outcome == expected
    assert (verdict.message is None) if said is None else (said in verdict.message.en)


def test_an_error_names_the_learners_own_line():
    verdict = judge(CARRY, failing_inside_torch)
    line = failing_inside_torch.__code__.co_firstlineno + 2
    assert f"line {line} `return summed @ torch.zeros(1000)`" in verdict.message.en
    assert "site-packages" not in verdict.message.en and str(REPOSITORY) not in verdict.message.en


def test_an_error_in_a_function_that_the_answer_calls_names_the_inner_line():
    def inner(hidden):
        return hidden + missing  # noqa: F821

    def outer(hidden, trial_starts):
        return inner(hidden)

    line = inner.__code__.co_firstlineno + 1
    assert f"line {line} `return hidden + missing" in judge(CARRY, outer).message.en


def test_some_cases_right_are_counted():
    verdict = judge(CARRY, lambda hidden, trial_starts: carry(hidden, trial_starts) * (len(hidden) < 5))
    assert verdict.line == "[99.1] FAIL 3/5"


def test_what_is_kept_from_one_call_to_the_next_is_seen():
    last, again = engine.draw_cases(CARRY, 0)[-2:]
    assert last[0].shape == again[0].shape and not unchanged(last, again)
    seen = {}

    def remembering(hidden, trial_starts):
        return seen.setdefault(hidden.shape, carry(hidden, trial_starts))

    verdict = judge(CARRY, remembering)
    assert (verdict.outcome, verdict.passed, verdict.total) == ("FAIL", 4, 5)

    def growing(hidden, trial_starts, rows=[]):  # noqa: B006
        rows.extend(carry(hidden, trial_starts).tolist())
        return rows

    listed = replace(CARRY, reference=lambda *given: carry(*given).tolist(), wrong=())
    verdict = judge(listed, growing)
    assert verdict.passed == 1 and "expected 4, got 6" in verdict.message.en  # the first was right when it was given


def test_value_answers():
    assert outcome(7, LINE) == outcome(torch.tensor(7), LINE) == "PASS"
    assert outcome(None, LINE) == outcome(..., LINE) == outcome({"line": ...}, LINE) == "TODO"
    assert outcome(True, LINE) == outcome("7", LINE) == outcome(carry, LINE) == outcome(8, LINE) == "FAIL"
    verdict = judge(LINE, 4)
    assert verdict.mistake.name == "line 4"
    # The expected value is the answer itself: nothing that is shown may hold it.
    told = f"{verdict.message} {NotSolvedYet(verdict)} {_plain(engine._verdict_card(judge(LINE, 8)))}"
    assert "7" not in told


@pytest.mark.parametrize("wrong", CARRY.wrong, ids=lambda wrong: wrong.name)
def test_a_named_mistake_is_recognised_from_other_code(wrong):
    def learner(hidden, trial_starts):
        return wrong.answer(hidden, trial_starts) + 0.0

    assert judge(CARRY, learner).mistake is wrong


def test_an_unnamed_mistake_is_not_given_a_name():
    assert judge(CARRY, lambda hidden, trial_starts: hidden + 1).mistake is None


# ── what an answer cannot do ─────────────────────────────────────────────────────


def test_global_random_states_survive_and_are_fixed_inside():
    drawn = []

    def drawing(hidden, trial_starts):
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
        torch.manual_seed(1)
        return carry(hidden, trial_starts)

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    wanted = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    judge(CARRY, drawing)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == wanted
    first, drawn[:] = list(drawn), []
    judge(CARRY, drawing)
    assert drawn == first


def test_an_answer_cannot_reach_the_cases_of_the_reference():
    def spoiling(hidden, trial_starts):
        value = carry(hidden, trial_starts)
        hidden.zero_()  # if the reference saw this, expected would be 0 everywhere
        return value * 0

    assert outcome(spoiling) == "FAIL"
    assert outcome(spoiling, replace(CARRY, may_change_inputs=True)) == "FAIL"


def test_prints_and_warnings_of_an_answer_stay_off_the_page(capfd):
    def noisy(hidden, trial_starts):
        print("debug")
        print("worse", file=sys.stderr)
        torch.tensor(torch.tensor(1.0))  # warns
        return hidden

    verdict = judge(CARRY, noisy)
    assert capfd.readouterr() == ("", "")
    assert "debug" in verdict.printed


def test_a_lost_gradient_is_said():
    def squares(x):
        return x.square()

    def leaves(generator):
        return [(torch.randn(3, generator=generator).requires_grad_(),)]

    exercise = replace(CARRY, reference=squares, cases=leaves)
    assert outcome(lambda x: x * x, exercise) == "PASS"
    assert "no gradient flows" in judge(exercise, lambda x: (x * x).detach()).message.en


def test_an_answer_that_cuts_off_its_arguments_is_told_so():
    """No number changes, but whoever passed them trains with them afterwards."""

    def leaves(generator):
        return [(torch.randn(3, generator=generator).requires_grad_(),)]

    exercise = replace(CARRY, reference=lambda x: x.detach().square(), cases=leaves)
    for answer in (lambda x: x.detach_().square(), lambda x: x.requires_grad_(False).square()):
        verdict = judge(exercise, answer)
        assert verdict.outcome == "FAIL" and "`detach_()`" in verdict.message.en


def test_a_float_is_told_to_stay_a_tensor_and_a_named_mistake_is_recognised_in_it():
    def total(hidden, trial_starts):
        return hidden.sum()

    mean = WrongAnswer("mean", lambda hidden, trial_starts: hidden.mean(), words("a mean"))
    exercise = replace(CARRY, reference=total, wrong=(mean,))
    verdict = judge(exercise, lambda hidden, trial_starts: hidden.sum().item())
    assert verdict.outcome == "FAIL" and "`.item()`" in verdict.message.en and verdict.mistake is None
    assert judge(exercise, lambda hidden, trial_starts: hidden.mean().item()).mistake is mean


def test_a_float_is_not_told_that_too_much_gradient_flows():
    verdict = judge(DECODER, lambda *given: DECODER.solution(*given).item())
    assert verdict.mistake.name == "nobody learns"


def test_a_gradient_too_many_is_said_where_gradients_matter():
    def distance(guess, target):
        return (guess - target.detach()).square()

    def follows_both(guess, target):
        return (guess - target).square()

    def leaves(generator):
        pairs = ((True, False), (False, True), (True, True))
        return [
            tuple(torch.randn(3, generator=generator).requires_grad_(wants) for wants in pair) for pair in pairs
        ]

    exercise = replace(CARRY, reference=distance, cases=leaves, wrong=())
    assert judge(exercise, follows_both).passed == 2  # not where the target can take a gradient, and gets one
    strict = replace(exercise, gradients_matter=True)
    assert outcome(lambda guess, target: (target.detach() - guess) ** 2, strict) == "PASS"
    verdict = judge(strict, follows_both)
    assert (verdict.outcome, verdict.passed) == ("FAIL", 1) and "missing `detach`" in verdict.message.en
    assert judge(strict, lambda guess, target: distance(guess.detach(), target)).passed == 1


def weighed(value, weight):
    return (value * weight).sum(dim=1)


def with_gradients(generator):
    return [
        tuple(torch.rand(count, 3, generator=generator).requires_grad_() for _ in range(2)) for count in (1, 2, 4)
    ]


TRAINED = replace(CARRY, reference=weighed, cases=with_gradients, wrong=(
    WrongAnswer("no gradient", lambda value, weight: weighed(value, weight).detach(), words("none flows")),
    WrongAnswer("weights cut off", lambda value, weight: weighed(value, weight.detach()), words("the weights are cut off")),
))  # fmt: skip


@pytest.mark.parametrize(
    "answer, said",
    [
        (lambda value, weight: weighed(value.detach(), weight), "gradient into `value`"),
        (lambda value, weight: weighed(value, weight).detach().requires_grad_(), "gradient into `value`"),
        (lambda value, weight: torch.tensor(weighed(value, weight).tolist(), requires_grad=True), "gradient into `value`"),
        (lambda value, weight: weighed(value, weight) + weight.sum() - weight.detach().sum(), "gradient into `weight`"),
        (lambda value, weight: weighed(value, weight) + 0 * (value - value).sqrt().sum(), "gradient into `value` is NaN"),
        (lambda value, weight: weighed(changed_in_place(value), weight), "cannot be computed"),
    ],
    ids=("partly cut off", "a leaf of its own", "made anew", "one too many", "not a number", "changed in place"),
)
def test_right_numbers_with_a_wrong_gradient_fail(answer, said):
    verdict = judge(TRAINED, answer)
    assert (verdict.outcome, verdict.passed, verdict.mistake) == ("FAIL", 0, None)
    assert said in verdict.message.en


def test_where_only_the_gradient_is_wrong_its_card_shows_the_gradients():
    verdict = judge(TRAINED, lambda value, weight: weighed(value.detach(), weight))
    assert verdict.expected.startswith("∂/∂value = tensor (1, 3) float32") and "[[0., 0., 0.]]" not in verdict.expected
    assert verdict.got == "∂/∂value = tensor (1, 3) float32\n[[0., 0., 0.]]"
    several = replace(TRAINED, cases=lambda generator: with_gradients(generator)[1:])  # it says of which sum
    verdict = judge(several, lambda value, weight: weighed(value.detach(), weight))
    assert verdict.got.startswith("∂(Σᵢ cos(i)·yᵢ)/∂value = tensor (2, 3) float32\n")
    leaking = replace(TRAINED, reference=lambda value, weight: value.detach() + 0 * weight, gradients_matter=True)
    leaked = judge(leaking, lambda value, weight: value + 0 * weight).got
    assert leaked == "∂(Σᵢ cos(i)·yᵢ)/∂value = tensor (1, 3) float32\n[[ 1.    ,  0.5403, -0.4161]]"


def changed_in_place(value):
    """The same numbers; what the square's gradient needs is gone."""
    root = value.sqrt()
    same = root.square()
    root.add_(1)
    return same


def test_a_right_gradient_passes_in_any_form():
    assert outcome(lambda value, weight: torch.einsum("bi,bi->b", weight, value), TRAINED) == "PASS"
    with torch.no_grad():  # a learner's notebook may be in any state
        assert outcome(weighed, TRAINED) == "PASS"
        assert outcome(lambda value, weight: weighed(value.detach(), weight), TRAINED) == "FAIL"


def test_a_mistake_in_the_gradient_alone_is_recognised_by_it():
    assert judge(TRAINED, lambda value, weight: weighed(value, weight.data)).mistake.name == "weights cut off"
    assert judge(TRAINED, lambda value, weight: weighed(value, weight).data).mistake.name == "no gradient"
    assert judge(TRAINED, lambda value, weight: weighed(value.data, weight)).mistake is None


def test_gradients_of_nested_values_are_told_apart_by_argument_and_part():
    value, weight = torch.tensor([1.0, 2.0]).requires_grad_(), torch.tensor([3.0, 5.0]).requires_grad_()
    arguments = ({"w": weight}, 3, [value])
    found = gradients({"b": (value * weight, 7), "a": value.sum().detach()}, arguments)
    uneven = torch.cos(torch.arange(2.0))
    assert found[0] == [] and found[2] == []
    assert [len(inside) for inside in found[1]] == [1, 0, 1]
    torch.testing.assert_close(found[1][0][0], uneven * value.detach())
    torch.testing.assert_close(found[1][2][0], uneven * weight.detach())


def test_numpy_where_a_gradient_is_needed_is_told_to_use_torch():
    verdict = judge(TRAINED, lambda value, weight: torch.from_numpy((value.numpy() * weight.numpy()).sum(1)))
    assert verdict.outcome == "ERROR" and "PyTorch's functions" in verdict.message.en


def test_dtype_is_compared_only_where_it_matters():
    def doubled(hidden, trial_starts):
        return carry(hidden, trial_starts).double()

    assert outcome(doubled) == "PASS"
    assert "`.float()`" in judge(replace(CARRY, dtype_matters=True), doubled).message.en


def test_places_in_a_table_are_whole_in_their_type_as_well():
    """5.4: the next cell looks up rows by ``next_state`` and ``sense``; the rewards may be of any float."""
    for number, change, passes in (
        (0, torch.Tensor.float, False), (0, torch.Tensor.short, False), (0, torch.Tensor.int, True),
        (1, torch.Tensor.double, True), (2, torch.Tensor.float, False), (2, torch.Tensor.int, True),
    ):  # fmt: skip

        def changed(*given, number=number, change=change):
            return tuple(change(table) if k == number else table for k, table in enumerate(BOARDS.solution(*given)))

        verdict = judge(BOARDS, changed)
        assert (verdict.outcome == "PASS") == passes
        assert passes or f"`result[{number}]` numbers places in a table" in verdict.message.en


# ── what the learner sees ────────────────────────────────────────────────────────


def test_check_prints_one_neutral_line_and_raises_one_readable_line(capsys, shown):
    check("99.1", carry)
    assert capsys.readouterr().out == "[99.1] PASS 5/5\n"
    with pytest.raises(NotSolvedYet) as raised:
        check("99.1", never_reset)
    assert capsys.readouterr().out == "[99.1] FAIL 0/5\n"
    (line,) = raised.value._render_traceback_()
    assert line == "[99.1] FAIL 0/5 · 한국어 it is never reset / English it is never reset"
    for document in shown:
        assert document.count('lang="ko"') == document.count('lang="en"') > 0
        assert "<script" not in document


def test_a_card_is_the_same_every_time_and_escapes_what_a_learner_wrote(shown):
    def hostile(hidden, trial_starts):
        print("<img src=x onerror=alert(1)>", object().__class__)
        return {"<b>": object()}

    for _ in range(2):
        with pytest.raises(NotSolvedYet):
            check("99.1", hostile)
    assert shown[0] == shown[1]
    assert "<img" not in shown[0] and "<b>" not in shown[0] and " at 0x" not in shown[0]


def test_another_seed_draws_other_cases():
    one, two = (judge(CARRY, never_reset, seed).call for seed in (1, 2))
    assert one != two and one == judge(CARRY, never_reset, 1).call


def test_hints_come_one_by_one_and_by_number(shown):
    for _ in range(4):
        hint("99.1")
    hint("99.1", 2)
    spoken = [next(word for word in ("one", "two", "three") if f"English {word}" in text) for text in shown]
    assert spoken == ["one", "two", "three", "three", "two"]
    with pytest.raises(CourseError, match="1, 2 or 3"):
        hint("99.1", 4)


def test_solution_nudges_once_before_an_attempt(shown):
    engine.solution("99.1")
    assert "trial_starts).unsqueeze" not in _plain(shown[-1])
    engine.solution("99.1")
    assert "return hidden * (~trial_starts).unsqueeze(-1)  # (B, H)" in _plain(shown[-1])
    with pytest.raises(NotSolvedYet):
        check("99.2", 3)
    engine.solution("99.2")
    assert "line = 7" in _plain(shown[-1])


def test_a_solution_is_shown_under_the_name_that_was_asked_for(shown):
    assert DECODER.solution.__name__ != "mended_decoder_loss"
    engine.register(DECODER)
    engine._attempted.add(DECODER.id)
    engine.solution(DECODER.id)
    assert "mended_decoder_loss" in shown[-1] and "detach" in shown[-1]


def test_yours_or_the_courses(shown):
    assert engine.yours_or_reference("99.1", stub) is carry
    assert "course's answer" in shown[-1]
    mine = CARRY.also_right[0]
    assert engine.yours_or_reference("99.1", mine) is mine
    assert "your own answer" in shown[-1]
    assert engine.exercise_is_solved("99.1", mine) and not engine.exercise_is_solved("99.1", never_reset)


def test_unknown_and_doubled_ids_are_said():
    with pytest.raises(CourseError, match=r"99\.1, 99\.2"):
        check("99.7", carry)
    with pytest.raises(CourseError, match="in quotes"):
        check(99.1, carry)
    with pytest.raises(CourseError, match="twice"):
        engine.register(CARRY)


def _plain(document):
    return html.unescape(re.sub("<[^>]+>", "", document))


# ── validate ─────────────────────────────────────────────────────────────────────


def test_sound_exercises_have_no_complaints():
    assert validate(CARRY) == []
    assert validate(LINE) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"solution": never_reset}, "solution: [99.1] FAIL"),
        ({"also_right": (carry, in_place)}, "also_right[1]"),
        ({"also_right": (carry,)}, "at least two other right answers"),
        ({"solution": carry_by_rows}, "independently"),
        ({"wrong": CARRY.wrong[:2]}, "at least three"),
        ({"wrong": (*CARRY.wrong, WrongAnswer("right", carry, words("x")))}, "'right': [99.1] PASS"),
        (
            {"wrong": (*CARRY.wrong, WrongAnswer("same", never_reset, words("x")))},
            "'same' is recognised as never reset",
        ),
        ({"hints": CARRY.hints[:2]}, "exactly three"),
        ({"why": Bilingual(ko="", en="why")}, "why: the Korean"),
        ({"title": Bilingual(ko="제목", en="")}, "title: the English"),
        ({"id": "one"}, "not of the form"),
        ({"difficulty": 6}, "difficulty"),
        ({"cases": lambda generator: cases(torch.Generator().manual_seed(0))}, "seeds drew the same cases"),
        ({"cases": lambda generator: cases(torch.default_generator)}, "not from a global one"),
        ({"cases": lambda generator: cases(generator)[:2]}, "at least three"),
        (
            {"reference": always_reset, "solution": lambda hidden, trial_starts: hidden * 0,
             "also_right": (always_reset, always_reset)},
            "knows nothing passes: zeros of the right shape",
        ),
        (
            {"reference": lambda hidden, trial_starts: 1, "solution": lambda hidden, trial_starts: 1},
            "knows nothing passes: 1",
        ),
    ],
)
def test_validate_finds(change, complaint):
    assert any(complaint in found for found in validate(replace(CARRY, **change), seeds=2))


def test_every_exercise_and_question_of_the_course_is_sound(monkeypatch):
    monkeypatch.undo()  # the real registry
    exercises = engine.all_exercises()
    lesson_files = (REPOSITORY / "course_lib" / "lesson" / "exercises").glob("lesson*.py")
    assert {one.lesson for one in exercises} == {str(int(file.stem[-2:])) for file in lesson_files}
    assert [f"{one.id}: {complaint}" for one in exercises for complaint in validate(one)] == []


# ── values compared and shown ────────────────────────────────────────────────────

NAN = float("nan")


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        (1.0, 1.0 + 1e-7, None), (1.0, 1.01, "value"), (1, 1.0, None), (1, True, "type"),
        (True, np.bool_(True), None), (1.0, torch.tensor(1.0), None), (1.0, torch.tensor([1.0]), "type"),
        (1.0, NAN, "nan"), (NAN, NAN, None),
        (1.0, "1.0", "type"), (1.0, float("inf"), "value"), (float("inf"), float("inf"), None),
        (float("-inf"), -9.2, "value"), (torch.tensor(float("-inf")), torch.tensor(-9.2), "value"),
        ("north", " North ", None), ("north", "south", "value"),
        ((1, 2), [1, 2], None), ((1, 2), (1, 2, 3), "length"), ((1, (2, 3)), (1, (2, 4)), "value"),
        ({"a": 1}, {"a": 1}, None), ({"a": 1}, {"b": 1}, "keys"), ({"a": 1}, [1], "type"),
        (torch.zeros(2), torch.zeros(2, 1), "shape"), (torch.zeros(2), torch.zeros(1), "shape"),
        (torch.zeros(2), np.zeros(2), "type"), (np.zeros(2), np.zeros(2), None),
        (torch.tensor([1, 2]), torch.tensor([1.0, 2.0]), None),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "value"),
        (torch.tensor([float("inf")]), torch.tensor([1e30]), "value"),
        (torch.tensor([NAN]), torch.tensor([NAN]), None), (torch.tensor([1.0]), torch.tensor([NAN]), "nan"),
        (torch.zeros(0, 3), torch.zeros(0, 3), None), (torch.tensor([True]), torch.tensor([False]), "value"),
        (torch.nn.Parameter(torch.ones(1)), torch.ones(1, requires_grad=True), None),
        (None, None, None), (None, 0, "type"),
    ],
)
def test_difference(expected, got, kind):
    found = difference(expected, got)
    assert (found and found.kind) == kind
    if found:
        assert all(found.message)


def test_unchanged_sees_every_alteration():
    before = {"h": torch.tensor([0.0, NAN]), "list": [1, 2], "array": np.zeros(2)}
    assert unchanged(before, {"h": torch.tensor([0.0, NAN]), "list": [1, 2], "array": np.zeros(2)})
    for key, altered in (("h", torch.tensor([1.0, NAN])), ("h", torch.zeros(2)), ("list", [1, 2, 3]),
                         ("list", [1, 3]), ("array", np.ones(2)), ("h", torch.tensor([[0.0, NAN]]))):
        assert not unchanged(before, before | {key: altered})


class Named:
    def __repr__(self):
        return "Named(7)"


def test_compact_is_short_and_without_addresses():
    assert compact(torch.zeros(2)) == "tensor (2,) float32 [0., 0.]"
    assert compact({"a": (1, 0.1 + 0.2)}) == "{'a': (1, 0.3)}"
    assert compact(object()) == "<object>" and compact(carry) == "carry"
    assert compact(Named()) == "Named(7)"
    assert len(compact(torch.randn(100, 100))) < 450 and len(compact("x" * 9999)) < 450


# ── progress ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def progress_file(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_progress_is_kept_and_shown(progress_file, shown):
    for answer in (stub, never_reset, carry, never_reset):
        try:
            check("99.1", answer)
        except NotSolvedYet:
            pass
    hint("99.1")
    entry = json.loads(progress_file.read_text(encoding="utf-8"))["exercises"]["99.1"]
    assert entry["attempts"] == 3 and entry["solved"] and entry["hints"] == 1
    engine.progress()
    assert "✓ solved · 1 hint" in shown[-1] and "○ not yet" in shown[-1] and "○ 아직" in shown[-1]
    assert [path.name for path in progress_file.parent.iterdir()] == ["progress.json"]


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[]", b'{"exercises": 3}', b'{"exercises": {"1.1": 3}}', b""]
)
def test_a_damaged_progress_file_is_set_aside(progress_file, shown, content):
    for number in (1, 2):
        progress_file.write_bytes(content)
        check("99.1", carry)
        kept = progress_file.with_name(f"progress.damaged-{number}.json")
        assert kept.read_bytes() == content
        assert kept.name in shown[-2] and "damaged" in shown[-2]
    assert json.loads(progress_file.read_text(encoding="utf-8"))["exercises"]["99.1"]["solved"]


def test_progress_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, shown):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "missing" / "progress.json"))
    check("99.1", carry)
    assert "cannot be written" in shown[0]


def test_progress_switched_off_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check("99.1", carry)
    assert list(tmp_path.iterdir()) == []


# ── in a notebook, run by nbval ──────────────────────────────────────────────────

SETUP = """
import sys
sys.path[:0] = [{folder!r}, {repository!r}]
import test_exercise as lesson
from course_lib.bilingual import Bilingual
from course_lib.lesson import *
from course_lib.lesson.exercise import register
_ = register(lesson.CARRY), register(lesson.LINE)
predict("99.p", Bilingual(ko="얼마일까요?", en="How much?"), low=0, high=2, unit="bit")
"""
SOLVED = "def carry(hidden, trial_starts):\n    return hidden * (~trial_starts).unsqueeze(-1)"
UNSOLVED = "def carry(hidden, trial_starts):\n    raise NotImplementedError"


def test_nbval_fails_exactly_at_unsolved_checks(tmp_path):
    from nbclient import NotebookClient

    setup = SETUP.format(folder=str(Path(__file__).parent), repository=str(REPOSITORY))
    cells = {
        name: [
            setup, 'card("99.1")', definition, 'check("99.1", carry)',
            'used = yours_or_reference("99.1", carry)', 'predicted("99.p", 1.5)', f'check("99.2", {line})',
            'hint("99.1")', 'glossary("hidden state")',
        ]
        for name, definition, line in (("solved", SOLVED, 7), ("unsolved", UNSOLVED, "..."))
    }
    for name, sources in cells.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        if name == "solved":
            NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    strict = _nbval(tmp_path, "--nbval", "solved.ipynb")
    assert "9 passed" in strict, strict
    lax = _nbval(tmp_path, "--nbval-lax", "unsolved.ipynb")
    assert "2 failed, 7 passed" in lax, lax
    assert "Cell 3" in lax and "Cell 6" in lax
    assert lax.count("[99.1] TODO 0/5 · ") == lax.count("[99.2] TODO 0/1 · ") == 1
    assert "exercise.py" not in lax.replace("test_exercise", "")  # no library internals


def _nbval(folder, *arguments):
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # no setting from a folder above
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rN", "-p", "no:cacheprovider", "--color=no", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )
    return done.stdout + done.stderr


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "value, said",
    [
        (np.array([np.ones(3), np.ones(2)], dtype=object), "cannot be compared"),
        (Unshowable(), "cannot be compared"),
        (torch.ones(3, dtype=torch.complex64), "take `.real`"),
    ],
    ids=("an object array", "a class without a text", "complex numbers"),
)
def test_a_value_of_an_unusual_kind_fails_in_a_sentence(value, said):
    wanted = np.ones(3) if isinstance(value, np.ndarray) else torch.ones(3)
    exercise = replace(CARRY, reference=lambda hidden, trial_starts: wanted)
    verdict = judge(exercise, lambda hidden, trial_starts: value)
    assert verdict.outcome == "FAIL" and said in verdict.message.en


def test_one_number_that_is_still_many_is_told_to_be_averaged():
    exercise = replace(CARRY, reference=lambda hidden, trial_starts: float(hidden.sum()))
    verdict = judge(exercise, lambda hidden, trial_starts: hidden.sum(dim=1))
    assert verdict.outcome == "FAIL" and "a mean or a sum that is missing" in verdict.message.en
