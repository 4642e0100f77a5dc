"""What a probe cell runs inside the kernel: the learner's answer on given inputs, and what came out of it.

Nothing here knows what is right. A learner's code runs in the same process and may change any of this; it then
changes what is written out, and what is written out has to be the right numbers all the same.
"""

from __future__ import annotations

import base64
import contextlib
import io
import linecache
import pickle
import random
import traceback
import warnings
from collections.abc import Callable

import numpy as np
import torch
from IPython.display import display

from course_lib.grading import wire
from course_lib.lesson.compare import gradients

MIME = "application/vnd.course.probe"
MOST_PRINTED = 2000


def probe(exercise_id: str, answer: Callable[[], object], inputs: str) -> None:
    """Write out what an answer does: a value itself, or what a function returns in each case.

    ``answer`` gives the learner's object when called, so that a name that was never defined is seen here.
    ``inputs`` is empty for a value; else base64 of a pickle: one (seed, arguments, pickled) a case.
    """
    found: dict = {"exercise": exercise_id}
    try:
        thing = answer()
    except NameError as problem:
        found["missing"] = str(problem)[:200]
    else:
        if not inputs:
            found["value"] = "a function" if callable(thing) else wire.encode(thing)
            found["callable"] = callable(thing)
        elif thing is None or thing is ...:
            found["empty"] = True
        elif not callable(thing):
            found["not_callable"] = type(thing).__name__[:100]
        else:
            cases = pickle.loads(base64.b64decode(inputs))
            found["runs"] = [run(thing, seed, pickle.loads(arguments)) for seed, arguments in cases]
    display({MIME: wire.json.dumps(found)}, raw=True)


class Little(io.TextIOBase):
    """A place to print to that keeps only the beginning."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if len(self.text) < MOST_PRINTED:
            self.text += text[: MOST_PRINTED - len(self.text)]
        return len(text)


def run(answer: Callable, seed: int, arguments: tuple) -> dict:
    """One case: what was returned, printed and raised, and whether the arguments are still what they were."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    printed = Little()
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            value = answer(*arguments)
            sent_back = gradients(value, arguments)
        return {
            "value": wire.encode(value),
            "gradients": wire.encode(sent_back),
            "inputs": wire.digest(arguments),
            "printed": printed.text,
        }
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        if isinstance(problem, MemoryError):  # what filled the memory is still held by the frames it was raised from
            traceback.clear_frames(problem.__traceback__)
        return {"error": said(problem), "printed": printed.text}


def said(problem: BaseException) -> dict:
    """An exception's kind and text, and the learner's line that it came from."""
    frames = list(traceback.walk_tb(problem.__traceback__))
    own = [(frame.f_code, line) for frame, line in frames if _is_cell(frame.f_code.co_filename)]
    innermost = frames[-1][0].f_code if frames else None
    unwritten = (
        isinstance(problem, NotImplementedError)
        and bool(own)
        and own[-1][0] is innermost
        and "NotImplementedError" in innermost.co_names
    )
    found = {"type": type(problem).__name__[:100], "text": str(problem)[:1000], "unwritten": unwritten}
    if own:
        code, line = own[-1]
        found |= {"line": line, "source": linecache.getline(code.co_filename, line).strip()[:300]}
    return found


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython")
