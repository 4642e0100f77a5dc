"""DREAM with one thing changed at a time: the runs behind lesson 03's figures and its numbers.

    python figures/dream_ablations.py run     # three hours on one core; goes on where it was interrupted
    python figures/dream_ablations.py table   # prints the summary
    python figures/dream_ablations.py record  # writes dream_map.recording, which lesson 03 plays: seed 0 on the map

Settings are those of ``course_lib.agents.dream.SETTINGS`` but for what a variant names. Seeds 0 to 9 were not used
in choosing them. Where the outcome differs from seed to seed, with the distractors, there are ten. Nothing is left out:
a run that failed stands in ``dream_ablations.json`` like the others.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from course_lib.agents import dream
from course_lib.agents.curious import looked_at
from course_lib.agents.networks import linear
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, known_or_error
from course_lib.results import main, print_ends, record_anew, run_missing
from course_lib.tasks import make_task
from course_lib.training import stream

RESULTS = Path(__file__).with_suffix(".json")


def with_gradient(code: Tensor, decoded: Tensor, seen: Tensor, noise: float) -> Tensor:
    """The silent bug: ``dream.decoder_loss`` whose gradient also reaches the encoder."""
    distance = ((decoded - code[:, None]) ** 2).sum(-1)  # (B, T + 1)
    return (distance * seen).sum() / seen.sum() / (2 * noise**2)


class HiddenDecoder(dream.Decoder):
    """DREAM's decoder with a hidden layer, as in the paper, where what two steps tell need not add up."""

    def __init__(self, features, actions, settings, generator) -> None:
        super().__init__(features, actions, settings, generator)
        self.hidden = linear(settings.memory, 128, generator)
        self.mean = linear(128, settings.code, generator)

    def guess(self, memory: Tensor) -> Tensor:
        return self.mean(torch.relu(self.hidden(memory)))


class RandomExplorer(dream.Explorer):
    """Explores by chance, in training and when judged, and never ends by itself before the episode does (in training
    some episodes are cut short, as ever). It learns nothing; encoder, decoder and executor learn as ever, from what it
    happens to find."""

    def __init__(self, features, actions, horizon, settings, generator) -> None:
        super().__init__(features, actions, horizon, settings, generator)
        self.dice = torch.Generator().manual_seed(generator.initial_seed())

    def values(self, table, memory, symbol, clock) -> Tensor:
        values = torch.rand(*symbol.shape, self.out.out_features - 1, generator=self.dice)
        values[..., -1] = -1.0  # the last action is to end
        return values


# name: (task, settings, functions); one that begins with "hidden layer" has a HiddenDecoder, "random exploration" a RandomExplorer
VARIANTS = {
    "bottleneck": ("distracting-bus", {}, {}),
    "no bottleneck": ("distracting-bus", dict(bottleneck_weight=0.0), {}),
    "hidden layer": ("distracting-bus", {}, {}),
    "hidden layer, no bottleneck": ("distracting-bus", dict(bottleneck_weight=0.0), {}),
    "stop-gradient": ("map", dict(updates=896), {}),
    "no stop-gradient": ("map", dict(updates=896), dict(decoding=with_gradient)),
    "cost 0": ("homework-map", dict(step_cost=0.0), {}),
    "cost 0.005": ("homework-map", {}, {}),
    "cost 0.05": ("homework-map", dict(step_cost=0.05), {}),
    "cost 0.5": ("homework-map", dict(step_cost=0.5), {}),
    "cost 1": ("homework-map", dict(step_cost=1.0), {}),
    "random exploration": ("map", {}, {}),
    "explored by DREAM": ("map", {}, {}),
}
# λ is another from the first update on. What it usually is, 0.00003, is "cost 0.005".
PRICES = ("0", "0.0003", "0.001", "0.01", "0.1", "1")
VARIANTS |= {f"λ {price} from the start": ("homework-map", dict(bottleneck_weight=float(price)), {}) for price in PRICES}
# The slider of lesson 03: λ from update 448 on, up to which it is the usual one, and until when.
TURNS = {
    "λ 0.00003": (3e-5, 1280), "λ 0.0003": (3e-4, 1280), "λ 0.001": (1e-3, 1280), "λ 0.01": (1e-2, 1280),
    "λ 1": (1.0, 1280), "λ 1 until 576": (1.0, 576),
}  # fmt: skip
TURNED_AT = 448
# The same training as the last one, up to where λ is turned back; then the encoder's parameters of TURNED_AT are put back.
PUT_BACK = "λ 1 until 576, then the encoder of before"
VARIANTS |= {name: ("homework-map", {}, {}) for name in (*TURNS, PUT_BACK)}
SEEDS = {variant: range(10 if task == "distracting-bus" else 5) for variant, (task, _, _) in VARIANTS.items()}
LOOKS = 8  # snapshots on the way, of all that the training makes
SHOWN = (
    "test_return", "knowledge_worth", "information", "useful_buses", "distractor_buses", "map_read", "explored",
    "code_information_max", "code_information", "information_bound", "decoder_gap", "code_in_training", "cpu_seconds",
)  # fmt: skip


def turned_bottleneck(price: float, until: int) -> Callable[[Tensor, float], Tensor]:
    """``dream.bottleneck`` for one training, at another price between two updates."""
    update, usual = itertools.count(), dream.SETTINGS["homework-map"].bottleneck_weight

    def squeeze(code: Tensor, noise: float) -> Tensor:
        turned = TURNED_AT <= next(update) < until
        return dream.bottleneck(code, noise) * (price / usual if turned else 1.0)

    return squeeze


def put_back(seed: int) -> Iterator[Snapshot]:
    """λ is 1 from TURNED_AT to 576; there ``code_in_training`` tells what z holds by the parameters in training, which
    the averaged ones only follow, and the encoder gets back those of TURNED_AT. Nothing else is changed."""
    settings, task = dream.SETTINGS["homework-map"], make_task("homework-map")
    squeeze = turned_bottleneck(*TURNS["λ 1 until 576"])
    for snapshot in stream("dream", "homework-map", seed, functions=dict(squeeze=squeeze)):
        if snapshot.update == TURNED_AT:
            before = snapshot.checkpoint()["networks"]
        if snapshot.update == 576:
            break
        yield snapshot
    checkpoint = snapshot.checkpoint()
    networks = dream.Networks(task, settings, torch.Generator())
    networks.load_state_dict(checkpoint["networks"])
    with torch.no_grad():
        bound = dream.Judge(task, settings).bound(networks, torch.Generator().manual_seed(7))
    snapshot.metrics["code_in_training"] = bound["code_information_max"]
    yield snapshot
    checkpoint["networks"] |= {name: value for name, value in before.items() if name.startswith("encoder.")}
    _, *after = dream.train(task, settings, torch.Generator().manual_seed(seed), resume=checkpoint)
    yield from after


def one_run(variant: str, seed: int) -> list[dict]:
    """The curve of one training: a row a snapshot."""
    name, settings, functions = VARIANTS[variant]
    task, rows, began = make_task(name), [], time.thread_time()
    if variant in TURNS:
        functions = dict(squeeze=turned_bottleneck(*TURNS[variant]))
    plain, learning = dream.Decoder, dream.Explorer
    dream.Decoder = HiddenDecoder if variant.startswith("hidden layer") else plain
    dream.Explorer = RandomExplorer if variant == "random exploration" else learning
    try:
        train = put_back(seed) if variant == PUT_BACK else stream("dream", name, seed, functions=functions, **settings)
        snapshots = list(train)
    finally:
        dream.Decoder, dream.Explorer = plain, learning
    spent = round(time.thread_time() - began, 1)
    every = max(1, len(snapshots) // LOOKS)
    for place, snapshot in enumerate(snapshots):
        if place % every and place < len(snapshots) - 1 and "code_in_training" not in snapshot.metrics:
            continue
        found = snapshot.metrics | looked_at(task, snapshot.trials)
        numbers = {name: round(value, 4) for name, value in found.items()}
        rows.append(dict(update=snapshot.update, env_steps=snapshot.env_steps) | numbers)
    rows[-1]["cpu_seconds"] = spent
    return rows


def run(*variants: str) -> None:
    """Train what is not there yet: of these variants, or of all."""
    for variant in variants:
        known_or_error(VARIANTS, variant, Bilingual("변형", "variant"))
    wanted = [(variant, seed) for seed in range(10) for variant in variants or VARIANTS if seed in SEEDS[variant]]
    run_missing(RESULTS, "python figures/dream_ablations.py run", wanted, one_run)


def table() -> None:
    """For each variant: the last numbers, median and range over seeds."""
    print_ends(RESULTS, SHOWN)


def record_map() -> None:
    """One trial of each problem, goals taking turns, every 96th update: about a megabyte."""
    torch.set_num_threads(1)
    keep = torch.arange(24) * 4 + torch.arange(24) % 4
    training = stream("dream", "map", seed=0, evaluate_every=96)
    for snapshot in record_anew(training, RESULTS.with_name("dream_map.recording"), keep):
        print(snapshot.update, snapshot.metrics["test_return"], flush=True)


if __name__ == "__main__":
    sys.exit(main({"run": run, "table": table, "record": record_map}))
