"""Whether an exercise is sound: every right answer passes, every named mistake is told as itself, no guess passes."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Mapping

import numpy as np
import torch

from course_lib.lesson.compare import compact, unchanged
from course_lib.lesson.exercise import HINTS, Exercise, draw_cases, judge, run_case


def validate(exercise: Exercise, seeds: int = 20) -> list[str]:
    """Everything that is wrong with an exercise, as sentences for its author; empty where it is sound.

    The solution and ``also_right`` must pass on every seed, each named wrong answer must fail and be
    recognised as itself, and answers that know nothing (constants, None, NaN, wrong shapes) must never pass.
    """
    complaints = _complaints_about_words(exercise)
    if exercise.cases is None:
        right, seeds = [exercise.reference, exercise.solution, *exercise.also_right], 1
        ignorant = (None, ..., "", 0, -1, True, float("nan"), (), {}, print)
        guesses = {compact(guess): guess for guess in ignorant}
        # A guess may happen to be the answer ("line 0"): that is no fault of the exercise.
        for answer in right:
            guesses.pop(compact(answer), None)
    else:
        complaints += _complaints_about_cases(exercise)
        right = [exercise.reference, exercise.solution, *exercise.also_right]
        guesses = ignorant_functions(exercise)
        if len(exercise.also_right) < 2:
            complaints.append("also_right: give at least two other right answers")
        if exercise.solution is exercise.reference:
            complaints.append("reference: must be written independently of the solution")
    for seed in range(seeds):
        for number, answer in enumerate(right):
            verdict = judge(exercise, answer, seed)
            if verdict.outcome != "PASS":
                name = ("reference", "solution")[number] if number < 2 else f"also_right[{number - 2}]"
                complaints.append(f"{name}: {verdict.line} on seed {seed}: {verdict.message}")
        for wrong in exercise.wrong:
            verdict = judge(exercise, wrong.answer, seed)
            if verdict.outcome in {"PASS", "TODO"}:
                complaints.append(f"wrong answer '{wrong.name}': {verdict.line} on seed {seed}")
            elif verdict.mistake is not wrong:
                taken = verdict.mistake.name if verdict.mistake else "nothing"
                complaints.append(f"wrong answer '{wrong.name}' is recognised as {taken} on seed {seed}")
    for name, guess in guesses.items():
        if judge(exercise, guess).outcome == "PASS":
            complaints.append(f"an answer that knows nothing passes: {name}")
    return list(dict.fromkeys(complaints))


def _complaints_about_words(exercise: Exercise) -> list[str]:
    complaints = []
    named = {
        "title": exercise.title,
        "why": exercise.why,
        **{f"hint {index + 1}": text for index, text in enumerate(exercise.hints)},
        **{f"message of '{wrong.name}'": wrong.message for wrong in exercise.wrong},
    }
    for name, text in named.items():
        if not re.search("[가-힣]", text.ko):
            complaints.append(f"{name}: the Korean text holds no Korean")
        if not text.en.strip() or re.search("[가-힣]", text.en):
            complaints.append(f"{name}: the English text is empty or holds Korean")
    if not re.fullmatch(r"\d+\.\d+", exercise.id):
        complaints.append(f"id: '{exercise.id}' is not of the form lesson.number, such as 1.2")
    if exercise.difficulty not in range(1, 6) or exercise.minutes < 1:
        complaints.append("difficulty must be 1..5 and minutes at least 1")
    if len(exercise.hints) != HINTS:
        complaints.append("hints: exactly three")
    names = {wrong.name for wrong in exercise.wrong}
    if len(exercise.wrong) < 3 or len(names) < len(exercise.wrong):
        complaints.append("wrong: at least three, with different names")
    return complaints


def _complaints_about_cases(exercise: Exercise) -> list[str]:
    complaints = []
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first, again, other = draw_cases(exercise, 0), draw_cases(exercise, 0), draw_cases(exercise, 1)
    if before != (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()):
        complaints.append("cases: draw from the given generator only, not from a global one")
    if not all(map(unchanged, first, again)):
        complaints.append("cases: the same seed drew different cases")
    if all(map(unchanged, first, other)) and len(first) == len(other):
        complaints.append("cases: different seeds drew the same cases")
    shapes = {str([tuple(part.shape) for part in case if isinstance(part, torch.Tensor)]) for case in first}
    if len(first) < 4 or len(shapes) < 2 and shapes != {"[]"}:
        complaints.append("cases: at least three (the last is then drawn once more), of several shapes")
    return complaints


def ignorant_functions(exercise: Exercise) -> dict[str, Callable]:
    """Answers that know nothing of the exercise, by name."""
    case = draw_cases(exercise)[0]
    constant = run_case(exercise, exercise.reference, case, shield=False).value

    def raising(*_arguments):
        raise ValueError("no answer")

    def mapped(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
        return lambda *arguments: _map_numbers(exercise.reference(*arguments), change)

    def in_place(*arguments):
        value = exercise.reference(*arguments)
        for part in filter(lambda part: isinstance(part, torch.Tensor) and part.numel(), arguments):
            part.data.copy_(~part if part.dtype == torch.bool else part + 1)
        return value

    remembered: dict[str, object] = {}

    def remembering(*arguments):
        shapes = str([tuple(part.shape) for part in arguments if isinstance(part, torch.Tensor)])
        return remembered.setdefault(shapes, exercise.reference(*arguments))

    guesses = {
        "what it returned before for the same shapes": remembering,
        "None": lambda *_arguments: None,
        "0": lambda *_arguments: 0.0,
        "1": lambda *_arguments: 1.0,
        "the first expected value, always": lambda *_arguments: copy.deepcopy(constant),
        "zeros of the right shape": mapped(torch.zeros_like),
        "ones of the right shape": mapped(torch.ones_like),
        "NaN of the right shape": mapped(lambda part: torch.full(part.shape, float("nan"))),
        "the right numbers in a wrong shape": mapped(lambda part: part[None]),
        "an exception": raising,
    }
    runs = [run_case(exercise, exercise.reference, case, shield=False) for case in draw_cases(exercise)]
    if any(any(run.gradients) for run in runs):
        guesses["the right numbers with a gradient that leads nowhere"] = mapped(
            lambda part: part.detach().requires_grad_(part.requires_grad)
        )
    has_tensor = any(isinstance(part, torch.Tensor) and part.numel() for part in case)
    if has_tensor and not exercise.may_change_inputs:
        guesses["the right numbers, inputs changed in place"] = in_place
    return guesses


def _map_numbers(value: object, change: Callable[[torch.Tensor], torch.Tensor]) -> object:
    """Apply a change to every tensor and number inside a value; other things become None."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (bool, int, float, np.generic)):
        return change(torch.tensor(float(value)))
    if isinstance(value, np.ndarray):
        return change(torch.as_tensor(value)).numpy()
    if isinstance(value, Mapping):
        return {key: _map_numbers(part, change) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_numbers(part, change) for part in value]
    return None
