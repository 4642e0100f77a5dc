"""The recordings that lessons play, other than those that a study of its own records (coupling, dream_ablations).

    python figures/recordings.py pearl     # pearl_point-robot.recording: lesson 02, seed 0, a minute
    python figures/recordings.py varibad   # varibad_gridnavi.recording: lesson 04, seed 0, two minutes

``recordings.json`` says how each training ended.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import torch

from course_lib.agents.evaluation import evaluation_trials
from course_lib.results import main, record_anew, versions, write_whole
from course_lib.tasks import make_task
from course_lib.training import stream
from course_lib.views.panels import one_of_each

RESULTS = Path(__file__).with_suffix(".json")
# method: (task, trials that are kept, settings other than its usual ones)
RECORDED = {"pearl": ("point-robot", 20, dict(latent=2)), "varibad": ("gridnavi", 7, {})}  # two axes make a plane


def run(method: str) -> None:
    """Train with seed 0, keep a few trials of every snapshot, and note how it ended."""
    torch.set_num_threads(1)
    task, kept, settings = RECORDED[method]
    name = f"{method}_{task}.recording"
    keep = one_of_each(evaluation_trials(make_task(task))[0].index, kept)
    training = stream(method, task, seed=0, evaluate_every=20, **settings)
    for snapshot in record_anew(training, RESULTS.with_name(name), keep):
        print(snapshot.update, round(snapshot.metrics["test_return"], 2), flush=True)
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else dict(recordings={})
    done["command"] = f"python figures/recordings.py {method}"
    done["versions"] = versions()
    done["recordings"][name] = dict(seed=0, update=snapshot.update, test_return=round(snapshot.metrics["test_return"], 4))
    write_whole(RESULTS, json.dumps(done, indent=1).encode("utf-8"))


if __name__ == "__main__":
    sys.exit(main({method: partial(run, method) for method in RECORDED}, usual=""))
