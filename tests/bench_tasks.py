"""How fast the finite tasks step: in millions of steps a second, on one core unless told otherwise.

    python tests/bench_tasks.py                     # every finite task, from 256 to 65,536 problems at once
    python tests/bench_tasks.py --device cuda

A step is all of ``Running.step``: the action is checked, the state, the reward and the end come from the tables,
the clock, the pauses and the episodes of the trial move on. Actions are uniform and drawn beforehand. Beside it in the
same run, so that a busy machine slows both: one bare gather of as many entries, and gymnasium's SyncVectorEnv
over the same task, whose every environment is stepped by Python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import gymnasium
import numpy as np
import torch

import course_lib  # noqa: F401 (its import registers the environments)
from course_lib.tasks import TASKS, TableTask, make_task

COUNTS = (256, 1024, 4096, 16384, 65536)
GYM = {"map": "course_lib/MapTrial-v0", "gridnavi": "course_lib/GridNaviTrial-v0"}


def steps_a_second(task: TableTask, count: int, device: str, repeats: int) -> list[float]:
    """Whole trials, started anew for each repeat."""
    generator = torch.Generator(device).manual_seed(0)
    length, actions = task.trial.length, len(task.actions)
    chosen = torch.randint(actions, (length, count), generator=generator, device=device).unbind()
    rates = []
    for _ in range(repeats):
        running = task.begin(task.draw(count, generator), generator)
        began = now(device)
        for action in chosen:
            running.step(action)
        rates.append(length * count / (now(device) - began))
    return rates


def gathers_a_second(task: TableTask, count: int, device: str, repeats: int) -> list[float]:
    """One read of ``next_state`` for each problem: the least that any step costs."""
    generator = torch.Generator(device).manual_seed(0)
    table = task.tables_on(torch.device(device)).next_state.flatten()
    places = torch.randint(len(table), (count,), generator=generator, device=device)
    rates = []
    for _ in range(repeats):
        began = now(device)
        for _ in range(40):
            table.index_select(0, places)
        rates.append(40 * count / (now(device) - began))
    return rates


def now(device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def gymnasium_steps_a_second(env: gymnasium.vector.VectorEnv, seconds: float) -> float:
    """Random actions, drawn beforehand, for so many seconds."""
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(50)]
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for action in actions:
            env.step(action)
        steps += len(actions) * env.num_envs
    return steps / (time.perf_counter() - began)


def against_sync(name: str, lanes: int = 256, pairs: int = 3, seconds: float = 2.0) -> dict[str, float]:
    """Our VectorEnv beside gymnasium's SyncVectorEnv over our Env, in turns: the ratio is what to trust."""
    ours = gymnasium.make_vec(GYM[name], num_envs=lanes)
    sync = gymnasium.make_vec(GYM[name], num_envs=lanes, vectorization_mode="sync")
    rates = np.array([
        (gymnasium_steps_a_second(ours, seconds), gymnasium_steps_a_second(sync, seconds)) for _ in range(pairs)
    ])  # fmt: skip
    ratio = rates[:, 0] / rates[:, 1]
    return dict(
        lanes=lanes, ours=float(np.median(rates[:, 0])), sync=float(np.median(rates[:, 1])),
        ratio=float(np.median(ratio)), ratio_least=float(ratio.min()), ratio_most=float(ratio.max()),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)

    found: dict[str, dict] = {"steps": {}, "gymnasium": {}}
    print(f"{'M steps/s (best, median)':26}" + "".join(f"{count:>18,}" for count in COUNTS))
    for name in TASKS:
        task = make_task(name)
        if not isinstance(task, TableTask):
            continue
        rates = {count: steps_a_second(task, count, options.device, options.repeats) for count in COUNTS}
        gathers = {count: gathers_a_second(task, count, options.device, options.repeats) for count in COUNTS}
        found["steps"][name] = {
            count: dict(
                best=max(rates[count]), median=statistics.median(rates[count]), bare_gather=max(gathers[count])
            )
            for count in COUNTS
        }
        cells = (f"{max(r) / 1e6:9.1f} {statistics.median(r) / 1e6:8.1f}" for r in rates.values())
        print(f"{name:26}" + "".join(cells), flush=True)
        print(f"{'  one bare gather':26}" + "".join(f"{max(r) / 1e6:18.1f}" for r in gathers.values()), flush=True)
    if options.device == "cpu":
        for name in GYM:
            pair = found["gymnasium"][name] = against_sync(name)
            print(f"{GYM[name]}, {pair['lanes']} at once: {pair['ours']:,.0f} steps/s; SyncVectorEnv "
                  f"{pair['sync']:,.0f}; ratio {pair['ratio']:.0f} ({pair['ratio_least']:.0f} to "
                  f"{pair['ratio_most']:.0f})", flush=True)  # fmt: skip
    if options.json:
        partial = options.json.with_suffix(".partial")
        partial.write_text(json.dumps(found, indent=1), encoding="utf-8")
        partial.rename(options.json)


if __name__ == "__main__":
    main()
