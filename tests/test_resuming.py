"""What every training keeps of itself: counts, a clock, checkpoints; and what is said when it diverges."""

import io
import time
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from course_lib import training as streams
from course_lib.agents.resuming import Progress, require_finite
from course_lib.bilingual import CourseError
from course_lib.tasks import make_task


@dataclass(frozen=True)
class Settings:
    updates: int = 8
    evaluate_every: int = 3


class Kept:
    """A replay of the last three losses."""

    def __init__(self):
        self.losses = []

    def state_dict(self):
        return dict(losses=self.losses)

    def load_state_dict(self, state):
        self.losses = state["losses"]


def training(resume=None, settings=Settings()):
    """A line fitted to noise by Adam; the loss depends on replay, draws, momenta and parameters."""
    generator, layer, replay = torch.Generator().manual_seed(0), nn.Linear(2, 1), Kept()
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    progress = Progress(
        "line", make_task("map"), settings, generator, resume, layer=layer, optimizer=optimizer, replay=replay
    )
    while progress.update < settings.updates:
        with progress.timed():
            x = torch.randn(4, 2, generator=generator)
            loss = (layer(x).sum() - sum(replay.losses)) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            replay.losses.append(loss.item())
            del replay.losses[:-3]
            progress.count(updates=1, env_steps=4)
        progress.metrics = dict(loss=loss.item())
        if progress.due():
            yield progress.told()


def test_snapshots_come_when_they_are_due():
    told = list(training())
    assert [update for update, *_ in told] == [3, 6, 8]
    assert [env_steps for _, env_steps, *_ in told] == [12, 24, 32]
    seconds = [seconds for _, _, seconds, *_ in told]
    assert 0 < seconds[0] < seconds[1] < seconds[2]


def test_a_training_goes_on_to_the_same_numbers_from_a_file():
    whole = list(training())
    checkpoint = next(training())[4]()
    file = io.BytesIO()
    torch.save(checkpoint, file)
    file.seek(0)
    checkpoint = torch.load(file, weights_only=True)  # tensors and plain data only
    for _ in range(2):  # the first doesn't change what it was given
        assert (checkpoint["method"], checkpoint["task"], checkpoint["update"]) == ("line", "map", 3)
        assert checkpoint["settings"] == dict(updates=8, evaluate_every=3)
        rest = list(training(checkpoint))
        assert [told[:2] + (told[3],) for told in rest] == [told[:2] + (told[3],) for told in whole[1:]]
        assert rest[0][2] > checkpoint["seconds"]


def test_a_checkpoint_is_left_alone_by_the_training_that_goes_on():
    stream = training()
    checkpoint = next(stream)[4]()
    before = {name: part.clone() for name, part in checkpoint["layer"].items()}
    losses, metrics = list(checkpoint["replay"]["losses"]), dict(checkpoint["metrics"])
    list(stream)
    checkpoint_of_last = (told := list(training())[-1])[4]()
    checkpoint_of_last["metrics"].clear()
    assert told[3]  # nor is the training changed by who changes a checkpoint
    assert all(torch.equal(checkpoint["layer"][name], part) for name, part in before.items())
    assert checkpoint["replay"]["losses"] == losses and checkpoint["metrics"] == metrics


def test_only_training_is_timed():
    progress = Progress("line", make_task("map"), Settings(), torch.Generator())
    with progress.timed():
        time.sleep(0.02)
    time.sleep(0.05)
    first = progress.seconds
    with progress.timed():
        time.sleep(0.02)
    assert 0.02 <= first and first + 0.02 <= progress.seconds


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_training_stops_with_what_to_change(bad):
    good = torch.tensor(1.0)
    require_finite(7, good, torch.ones(2), halve=["learning_rate"])
    with pytest.raises(CourseError) as error:
        require_finite(7, good, torch.tensor([1.0, bad]), halve=["policy_rate", "encoder_rate"])
    ko, en = error.value.message
    assert "7번째" in ko and "policy_rate, encoder_rate를 절반" in ko
    assert "update 7" in en and "half the policy_rate and encoder_rate" in en


def test_a_checkpoint_of_other_settings_tells_its_own():
    sizes = dict(updates=1, trials=8)
    checkpoint = next(streams.stream("rl2", "bandit", hidden=32, **sizes)).checkpoint()
    with pytest.raises(CourseError) as error:
        next(streams.stream("rl2", "bandit", resume=checkpoint, **sizes))
    ko, en = error.value.message
    assert en.endswith("give those: hidden=32.") and ko.endswith("설정을 주십시오: hidden=32.")
    (last,) = streams.stream("rl2", "bandit", resume=checkpoint, hidden=32, **sizes | dict(evaluate_every=1))
    assert last.update == 1


@pytest.mark.parametrize("harm", ["layer", "generator", "metrics"])
def test_a_damaged_checkpoint_gives_a_sentence(harm):
    checkpoint = next(training())[4]()
    without = {name: part for name, part in checkpoint.items() if name != harm}
    for damaged in (without, without | {harm: torch.zeros(3)}):
        with pytest.raises(CourseError, match="Train from the start"):
            next(training(damaged))
