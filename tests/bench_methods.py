"""What each method's training costs: how fast, where the time goes, how far it is from what a core can
multiply.

    python tests/bench_methods.py                          # every method on its main tasks: 4 to 6 minutes
    python tests/bench_methods.py --methods dream rl2      # some of them
    python tests/bench_methods.py --quick                  # two of them, half a minute at most: for the test
    python tests/bench_methods.py --minutes 12             # on a busy machine, so that nothing is left out
    python tests/bench_methods.py --device cuda

The trainings are the course's own, with their own settings, from their beginning, seed 0; only the judging
is left out. Every time is told by one clock, which also replaces the one by which a training counts its
``seconds``: on one core of the CPU it is the CPU time of this thread, which a busy machine disturbs least;
with two threads the clock on the wall; on a GPU the wall as well, after everything that was asked of the
device is done. So on a GPU the shares are those of a training that waits at each border between two parts.

- **shares** of the training's seconds. Timers are wrapped around what each part is; nested parts are taken
  out. *env*: drawing problems and ``tasks.play``, without what the policy does in it (for DPT, which never
  acts while it learns, making the batch of contexts). *act*: the policy in ``play``: its networks, its
  input, its draw. *fwd*: networks while learning, targets included. *bwd*: ``backward``. *opt*: gradients
  to zero, their norm, the optimiser's step. *other* is the rest up to a hundred: losses, advantages,
  replay, averaged parameters, the loop.
- **GFLOP/s**: ``torch.utils.flop_counter`` counts the multiplications and additions of the matrix products
  of a few updates; the share is of the best rate at which square matrices are multiplied here, in the same
  run.
- **2 threads**: how much less wall-clock an update takes than with one, measured in turns; only while the
  machine is quiet. On a busy one the threads wait for each other, and an update may take twenty times as
  long.
- **to target**: from the runs recorded in figures/results, where they are of today's settings: the median
  of those that reached it (see ``course_lib.results``). And live, seed 0, wherever the whole training is
  short enough.
- **growth**: seconds of an update, against the size of one thing at a time; the slope is that of a straight
  line through the logarithms, in brackets that of the last step.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import json
import math
import os
import platform
import statistics
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import torch
from torch import nn
from torch.optim.optimizer import (
    Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook,
)  # fmt: skip
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course_lib import results, training  # noqa: E402
from course_lib.agents import dpt  # noqa: E402
from course_lib.agents.snapshot import Snapshot  # noqa: E402
from course_lib.tasks import City, Task, make_task  # noqa: E402

RECORDED = Path(__file__).resolve().parents[1] / "figures" / "results"
PARTS = ("env", "act", "fwd", "bwd", "opt", "other")

# Every method on what it is for.
CASES = (
    ("rl2", "map"), ("rl2", "bandit"), ("e-rl2", "map"), ("rl2-replay", "map"),
    ("dream", "homework-map"), ("dream", "map"), ("dream", "distracting-bus"), ("dream", "cooking"),
    ("pearl", "point-robot"), ("rl2", "point-robot"), ("varibad", "gridnavi"), ("task-inference", "gridnavi"),
    ("mame", "noisy-tv"), ("metacure", "noisy-tv"), ("first-explore", "bandit"), ("dpt", "bandit"),
)  # fmt: skip
QUICK_CASES = (("rl2", "bandit"), ("dream", "homework-map"))


@dataclass(frozen=True)
class Budget:
    """Seconds on the wall for each piece, so that the whole ends in time on a busy machine as well."""

    rate: float = 1.5  # of one row
    shares: float = 1.5
    flops: float = 1.5
    threads: float = 1.5
    growth: float = 0.4  # of one point
    live: float = 25.0  # the longest training that is run whole
    whole: float = 345.0  # after this nothing new is begun


QUICK = Budget(rate=0.3, shares=0.3, flops=0.2, threads=0.3, growth=0.1, live=0.0, whole=25.0)


# -- clocks --------------------------------------------------------------------------------------------------


def clock_of(device: str) -> Callable[[], float]:
    """The clock on which everything is measured, in seconds; see above."""
    if device == "cpu":
        return lambda: time.thread_time() if torch.get_num_threads() == 1 else time.perf_counter()

    def after_the_device() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return after_the_device


class Stopwatch:
    """Seconds by part. Parts may be nested: each second belongs to the innermost."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now, self.running = now, False
        self.start()

    def start(self) -> None:
        self.seconds, self.open, self.since = Counter(), [], self.now()

    def enter(self, part: str) -> None:
        if part == "fwd" and self.open and self.open[-1] == "act":
            part = "act"
        self._turn()
        self.open.append(part)

    def leave(self) -> None:
        self._turn()
        self.open.pop()

    def _turn(self) -> None:
        now = self.now()
        if self.open:
            self.seconds[self.open[-1]] += now - self.since
        self.since = now

    def timed(self, part: str, function: Callable) -> Callable:
        """``function``, whose seconds belong to ``part`` while the watch is running."""

        @functools.wraps(function)
        def wrapper(*arguments, **options):
            if not self.running:
                return function(*arguments, **options)
            self.enter(part)
            try:
                return function(*arguments, **options)
            finally:
                self.leave()

        return wrapper


# -- a training without judging, with timers around its parts ------------------------------------------------


def agent_modules() -> list[types.ModuleType]:
    return [module for name, module in sorted(sys.modules.items()) if name.startswith("course_lib.agents.")]


@contextlib.contextmanager
def opened_up(watch: Stopwatch) -> Iterator[None]:
    """Within it every training is timed by the watch's clock, tells the watch its parts, and isn't judged."""
    patches = [
        mock.patch.object(nn.Module, "__call__", watch.timed("fwd", nn.Module.__call__)),
        mock.patch.object(torch.Tensor, "backward", watch.timed("bwd", torch.Tensor.backward)),
        mock.patch.object(torch.autograd, "grad", watch.timed("bwd", torch.autograd.grad)),
        mock.patch.object(Optimizer, "zero_grad", watch.timed("opt", Optimizer.zero_grad)),
        mock.patch.object(nn.utils, "clip_grad_norm_", watch.timed("opt", nn.utils.clip_grad_norm_)),
    ]
    timed_class = set()
    for module in agent_modules():
        own = vars(module)
        if "time" in own:
            patches.append(mock.patch.object(module, "time", types.SimpleNamespace(perf_counter=watch.now)))
        if "play" in own:
            patches.append(mock.patch.object(module, "play", timed_play(watch, module.play)))
        for name in ("references_of", "exact_sampling", "looked_at"):  # dear, and no part of training
            if name in own:
                patches.append(mock.patch.object(module, name, lambda *_, **__: {}))
        for kind in own.values():
            if not isinstance(kind, type) or kind.__module__ != module.__name__ or kind in timed_class:
                continue
            timed_class.add(kind)
            if kind.__name__ == "Judge":
                patches.append(mock.patch.object(kind, "snapshot", blind(kind.snapshot)))
            if issubclass(kind, nn.Module):
                for name, function in vars(kind).items():
                    if inspect.isfunction(function) and not name.startswith("__"):
                        patches.append(mock.patch.object(kind, name, watch.timed("fwd", function)))
    hooks = (
        register_optimizer_step_pre_hook(lambda *_: watch.enter("opt") if watch.running else None),
        register_optimizer_step_post_hook(lambda *_: watch.leave() if watch.running else None),
    )
    with contextlib.ExitStack() as stack:
        for hook in hooks:
            stack.callback(hook.remove)
        for patch in patches:
            stack.enter_context(patch)
        yield


def timed_play(watch: Stopwatch, play: Callable) -> Callable:
    def wrapper(task, drawn, generator, act, *rest, **options):
        return play(task, drawn, generator, watch.timed("act", act), *rest, **options)

    return watch.timed("env", wrapper)


def blind(snapshot: Callable) -> Callable:
    """In place of a Judge's ``snapshot``: the training's own numbers, and no look at the test problems."""
    names = list(inspect.signature(snapshot).parameters)

    def wrapper(*arguments, **options):
        given = dict(zip(names, arguments, strict=False)) | options
        counted = {name: given[name] for name in ("update", "env_steps", "seconds", "metrics")}
        return Snapshot(method="", task="", references={}, checkpoint=given["checkpoint"], **counted)

    return wrapper


class Training:
    """A training that is driven update by update, and timed."""

    def __init__(self, method: str, task: Task, settings, watch: Stopwatch, device: str) -> None:
        self.watch, self.task = watch, task
        simulates = dict(batch=watch.timed("env", dpt.pretraining_batch)) if method == "dpt" else {}
        settings = replace(settings, evaluate_every=1, updates=10**6 if method != "dpt" else settings.updates)
        generator = torch.Generator(device).manual_seed(0)
        self.stream = training.METHODS[method].train(task, settings, generator, None, **simulates)
        self.last = next(self.stream)  # before any update

    def stretch(self, seconds: float, least: int = 1) -> dict[str, float]:
        """Train for ``seconds`` on the wall, and at least so many snapshots."""
        with mock.patch.object(self.task, "draw", self.watch.timed("env", self.task.draw)):
            first, began, taken = self.last, time.perf_counter(), 0
            self.watch.start()
            for self.last in self.stream:
                taken += 1
                if taken >= least and time.perf_counter() - began >= seconds:
                    break
        return dict(
            updates=self.last.update - first.update,
            env_steps=self.last.env_steps - first.env_steps,
            seconds=self.last.seconds - first.seconds,
            wall=time.perf_counter() - began,
        )


# -- one row -------------------------------------------------------------------------------------------------


def one_row(method: str, task: str, watch: Stopwatch, budget: Budget, device: str, peak: float) -> dict:
    """All that is measured of a method on a task, but its seconds to the target."""
    settings = training.method_settings(method, task)
    trained = Training(method, make_task(task), settings, watch, device)
    trained.stretch(0.25 * budget.rate)  # caches, allocations, DREAM's first random trials
    rate = trained.stretch(budget.rate)

    watch.running = True
    timed = trained.stretch(budget.shares)
    watch.running = False
    parts = {part: watch.seconds[part] for part in PARTS[:-1]}
    parts["other"] = timed["seconds"] - sum(parts.values())
    shares = {part: 100 * seconds / timed["seconds"] for part, seconds in parts.items()}

    with FlopCounterMode(display=False) as counter:
        counted = trained.stretch(budget.flops)
    flop = counter.get_total_flops() / counted["updates"]  # of an update
    gflops = flop / (rate["seconds"] / rate["updates"]) / 1e9
    return dict(
        method=method,
        task=task,
        steps_a_second=rate["env_steps"] / rate["seconds"],
        seconds_an_update=rate["seconds"] / rate["updates"],
        whole_training_seconds=settings.updates * rate["seconds"] / rate["updates"],
        wall_a_clock_second=rate["wall"] / rate["seconds"],
        measured_updates=rate["updates"],
        shares=shares,
        flop_an_update=flop,
        gflops=gflops,
        of_peak=100 * gflops / peak,
        two_threads=two_threads(trained, budget.threads) if device == "cpu" and quiet() else None,
    )


def quiet() -> bool:
    """Whether no more programs want to compute than there are cores."""
    return os.getloadavg()[0] <= os.cpu_count()


def two_threads(trained: Training, seconds: float, turns: int = 3) -> float:
    """Wall-clock of an update with one thread, over that with two: the median of a few turns."""
    ratios = []
    for _ in range(turns):
        each = {}
        for threads in (1, 2):
            torch.set_num_threads(threads)
            took = trained.stretch(seconds / turns / 2)
            each[threads] = took["wall"] / took["updates"]
        ratios.append(each[1] / each[2])
    torch.set_num_threads(1)
    return statistics.median(ratios)


def peak_gflops(now: Callable[[], float], device: str, seconds: float = 0.4) -> float:
    """The best rate at which two square float32 matrices were multiplied, in 10⁹ operations a second."""
    sides, best = ((256, 512, 1024) if device == "cpu" else (2048, 4096, 8192)), 0.0
    for side in sides:
        a = torch.randn(side, side, device=device, generator=torch.Generator(device).manual_seed(0))
        until, repeats = time.perf_counter() + seconds / len(sides), max(1, 512 // side)
        while time.perf_counter() < until:
            began = now()
            for _ in range(repeats):
                a @ a
            best = max(best, repeats * 2 * side**3 / (now() - began) / 1e9)
    return best


# -- seconds to the target -----------------------------------------------------------------------------------


def recorded_target(method: str, task: str, folder: Path = RECORDED) -> dict | None:
    """Of the recorded runs with today's settings: how many reached the target for good, and when."""
    first = results.cells([method], [task], seeds=1)
    done, _, _ = results.done_and_missing(first + results.more_seeds(first, folder), folder)
    if not done:
        return None
    row = results.summary(done)[0]
    rate = statistics.median(result["env_steps"] / result["seconds"] for result in done)
    return dict(
        seeds=len(done), reached=row["reached"], seconds=row["seconds_to_target"], whole=row["seconds"],
        steps_a_second=rate, versions=done[0]["versions"],
    )  # fmt: skip


def live_target(method: str, task: str, until: float) -> dict:
    """One whole training, seed 0, judged: seconds to the target, on the wall as a learner would wait."""
    curve, last = [], None
    for last in training.stream(method, task, 0):
        curve.append((last.env_steps, last.seconds, last.metrics["test_return"]))
        if time.perf_counter() > until:
            return dict(finished=False, seconds=None, whole=last.seconds, test_return=curve[-1][2])
    reached = results.seconds_to_target(curve, last.references)
    return dict(finished=True, seconds=reached, whole=last.seconds, test_return=curve[-1][2])


# -- how cost grows ------------------------------------------------------------------------------------------


def of_horizon(horizon: int) -> City:
    """The map city with longer or shorter episodes."""
    usual = make_task("map")
    return City("map", usual.title, replace(usual.plan, horizon=horizon))


def many_trials(trials: int) -> dict:
    """DREAM plays and learns from more trials at once, in its usual proportion."""
    return dict(trials=trials, batch=trials * 64 // 240)


# method, its settings' task, what grows, sizes, and what a size means: (task, overrides)
PULLS = "bandit pulls=20"
GROWTH = (
    ("rl2", "bandit", "problems at once", (64, 128, 256, 512, 1024), lambda n: (PULLS, dict(trials=n))),
    ("rl2", "bandit", "horizon", (10, 20, 40, 80), lambda n: (f"bandit pulls={n}", {})),
    ("rl2", "bandit", "hidden size", (32, 64, 128, 256), lambda n: (PULLS, dict(hidden=n))),
    ("dream", "map", "problems at once", (60, 120, 240, 480, 960), lambda n: ("map", many_trials(n))),
    ("dream", "map", "problems in all", (8, 16, 32, 64, 128), lambda n: (f"revealing-arm arms={n + 1}", {})),
    ("dream", "map", "horizon", (10, 20, 40, 80), lambda n: (of_horizon(n), {})),
    ("dream", "map", "hidden size", (32, 64, 128, 256), lambda n: ("map", dict(memory=n))),
    ("varibad", "gridnavi", "problems at once", (64, 128, 256, 512), lambda n: ("gridnavi", dict(trials=n))),
    ("varibad", "gridnavi", "horizon", (8, 15, 30, 60), lambda n: (f"gridnavi horizon={n}", {})),
    ("varibad", "gridnavi", "hidden size", (32, 64, 128, 256), lambda n: ("gridnavi", dict(hidden=n))),
)
QUICK_GROWTH = tuple((*row[:3], row[3][:2], row[4]) for row in GROWTH[:3:2])


def one_size(
    method: str,
    settings_of: str,
    task: str | Task,
    overrides: dict,
    watch: Stopwatch,
    seconds: float,
    device: str,
) -> float:
    """Seconds of an update."""
    task = make_task(task) if isinstance(task, str) else task
    settings = training.method_settings(method, settings_of, **overrides)
    trained = Training(method, task, settings, watch, device)
    trained.stretch(seconds / 4)
    took = trained.stretch(seconds)
    return took["seconds"] / took["updates"]


def slope(sizes: list[float], costs: list[float]) -> float:
    """Of the straight line through log cost over log size, by least squares."""
    x, y = ([math.log(value) for value in values] for values in (sizes, costs))
    return statistics.linear_regression(x, y).slope


# -- the whole -----------------------------------------------------------------------------------------------


def measure(found: dict, options: argparse.Namespace, budget: Budget) -> None:
    """Fill ``found`` piece by piece, so that what there is can be shown whenever it is stopped."""
    began, watch = time.perf_counter(), Stopwatch(clock_of(options.device))
    cases = QUICK_CASES if options.quick else CASES
    cases = [case for case in cases if not options.methods or case[0] in options.methods]
    growth = QUICK_GROWTH if options.quick else GROWTH
    growth = [row for row in growth if not options.methods or row[0] in options.methods]
    points = [(row, size) for row in growth for size in row[3]]

    def late(piece: str) -> bool:
        out_of_time = time.perf_counter() - began > budget.whole
        if out_of_time:
            found["left_out"].append(piece)
        return out_of_time

    found["peak_gflops"] = peak_gflops(watch.now, options.device)
    with tqdm(total=2 * len(cases) + len(points), unit="piece", disable=None) as bar:
        with opened_up(watch):
            for method, task in cases:
                bar.set_postfix_str(f"{method} {task}")
                if not late(f"{method} {task}"):
                    row = one_row(method, task, watch, budget, options.device, found["peak_gflops"])
                    found["rows"].append(row | dict(recorded=recorded_target(method, task), live=None))
                bar.update()
            for (method, settings_of, what, _, means), size in points:
                bar.set_postfix_str(f"{method}, {what} {size}")
                if not late(f"{method}, {what} {size}"):
                    cost = one_size(method, settings_of, *means(size), watch, budget.growth, options.device)
                    empty = dict(sizes=[], seconds_an_update=[])
                    curve = found["growth"].setdefault(f"{method}, {what}", empty)
                    curve["sizes"].append(size)
                    curve["seconds_an_update"].append(cost)
                bar.update()
        for row in found["rows"]:
            bar.set_postfix_str(f"{row['method']} {row['task']}, live")
            if row["whole_training_seconds"] <= budget.live and options.device == "cpu":
                if not late(f"{row['method']} {row['task']}, live"):
                    row["live"] = live_target(row["method"], row["task"], began + budget.whole)
            bar.update()
    for curve in found["growth"].values():
        sizes, costs = curve["sizes"], curve["seconds_an_update"]
        if len(sizes) > 1:
            curve |= dict(slope=slope(sizes, costs), last_slope=slope(sizes[-2:], costs[-2:]))
    found["load_after"] = os.getloadavg()[0]
    found["seconds"] = round(time.perf_counter() - began, 1)


def as_text(found: dict) -> str:
    lines = [
        f"{found['device_name']}, torch {found['versions']['torch']}, 1 thread. "
        f"Square matrices are multiplied at {found['peak_gflops']:,.0f} GFLOP/s.",
    ]
    if sentence := busy_sentence(found):
        lines.append(sentence)
    head = (
        "method", "task", "steps/s", "recorded steps/s", "ms/update", *(f"{part} %" for part in PARTS),
        "GFLOP/s", "of peak", "2 threads", "to target: recorded", "live, seed 0",
    )  # fmt: skip
    table = [head]
    for row in found["rows"]:
        recorded = row["recorded"]
        table.append((
            row["method"], row["task"], f"{row['steps_a_second']:,.0f}",
            "–" if recorded is None else f"{recorded['steps_a_second']:,.0f}",
            f"{1e3 * row['seconds_an_update']:.1f}",
            *(f"{row['shares'][part]:.0f}" for part in PARTS),
            f"{row['gflops']:.1f}", f"{row['of_peak']:.0f} %",
            "–" if row["two_threads"] is None else f"{row['two_threads']:.2f}×",
            "–" if recorded is None else target_text(recorded),
            "–" if row["live"] is None else live_text(row["live"]),
        ))  # fmt: skip
    lines += ["", *aligned(table)]
    lines += ["", "Seconds of an update, as one thing grows (slope of log over log; of the last step):"]
    table = []
    for name, curve in found["growth"].items():
        points = zip(curve["sizes"], curve["seconds_an_update"], strict=True)
        points = (f"{size}: {1e3 * cost:.1f} ms" for size, cost in points)
        slopes = f"{curve['slope']:.2f} ({curve['last_slope']:.2f})" if "slope" in curve else "–"
        table.append((name, slopes, "  ".join(points)))
    lines += aligned(table)
    if found["left_out"]:
        lines += ["", f"Left out, as time was up: {', '.join(found['left_out'])}."]
    return "\n".join(lines)


def target_text(recorded: dict) -> str:
    if recorded["reached"] is None:
        return f"no target ({recorded['seeds']} seeds)"
    reached = f"{recorded['reached']}/{recorded['seeds']} seeds"
    if not recorded["seconds"]:
        return f"not reached ({reached})"
    return f"{recorded['seconds']['median']:.0f} s ({reached})"


def live_text(live: dict) -> str:
    if live["seconds"] is None:
        stopped = "" if live["finished"] else ", stopped"
        return f"no: {live['test_return']:.2f} after {live['whole']:.0f} s{stopped}"
    return f"{live['seconds']:.0f} s"


def busy_sentence(found: dict) -> str | None:
    """What to say where other programs were running."""
    load, cores = max(found["load_before"], found.get("load_after", 0.0)), os.cpu_count()
    if load <= cores:
        return None
    return (
        f"This machine was not quiet: a load of {load:.1f} on {cores} cores. CPU seconds hold up to that, more "
        "or less; 'live', which is told by the wall, does not, and two threads are not tried at all."
    )


def aligned(table: list[tuple]) -> list[str]:
    if not table:
        return []
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    padded = [[word.ljust(width) for word, width in zip(line, widths, strict=True)] for line in table]
    return ["  ".join(line).rstrip() for line in padded]


def main(arguments: list[str] | None = None) -> int:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("--methods", nargs="+", metavar="METHOD", choices=list(training.METHODS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--minutes", type=float, metavar="M", help="nothing new after M − ¼ minutes (6)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    on_gpu = options.device != "cpu"
    words = ["python", "tests/bench_methods.py"] + ["--quick"] * options.quick
    words += ["--methods", *options.methods] if options.methods else []
    words += ["--minutes", f"{options.minutes:g}"] if options.minutes else []
    words += ["--device", options.device] if on_gpu else []
    found = dict(
        command=" ".join(words),
        versions=results.versions(),
        device_name=torch.cuda.get_device_name() if on_gpu else platform.processor() or platform.machine(),
        cores=os.cpu_count(), load_before=os.getloadavg()[0],
        rows=[], growth={}, left_out=[],
    )  # fmt: skip
    status = 0
    try:
        budget = QUICK if options.quick else Budget()
        if options.minutes:
            budget = replace(budget, whole=60 * options.minutes - 15)
        measure(found, options, budget)
    except KeyboardInterrupt:
        print("Interrupted; this is what there was, and no file is written.", file=sys.stderr)
        status = 130
    finally:
        torch.set_num_threads(before)
    if "peak_gflops" in found:
        print(as_text(found))
    if options.json and status == 0:
        partial = options.json.with_name(options.json.name + ".partial")
        partial.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, options.json)
    return status


if __name__ == "__main__":
    sys.exit(main())
