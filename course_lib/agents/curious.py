"""What ``mame`` and ``metacure`` share: DREAM, but its explorer is paid for what it could not predict.

Everything is DREAM's (``dream``) by import: encoder, decoder, both policies, behaviour, replay, targets, optimiser. One
thing is different, what the explorer is paid. So where these methods do worse, it is by what their explorers look for,
and where they do better as well.

In its place comes a *predictor*: the chance of what is sensed next, of all symbols that there are. What it may know
when it predicts is what the methods differ in. Exploration pays nothing and shows no reward in these tasks, so the
next symbol is all that there is to predict.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from course_lib.agents import dream
from course_lib.agents.dream import follow
from course_lib.agents.networks import linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact import information_about, knowledge_of, possible_problems
from course_lib.exact.references import explores_then_executes
from course_lib.tasks import City, TableTask, Trials
from course_lib.tasks.city import RIDE


@dataclass(frozen=True)
class Settings(dream.Settings):
    """DREAM's knobs, and those of the predictor."""

    foresight: int = 64  # hidden units of the predictor
    predictor_rate: float = 1e-2  # Adam


def settings_like_dream(**changes) -> dict[str, Settings]:
    """DREAM's settings for every city, with ``changes``."""
    cities = ("map", "noisy-tv", "homework-map", "distracting-bus", "hurried-bus")
    return {name: Settings(**asdict(dream.SETTINGS[name]) | changes) for name in cities}


# -- the predictor ----------------------------------------------------------------------------------------------


class Predictor(nn.Module):
    """The chance of each symbol to be sensed next: what usually follows, corrected by what is known of the problem."""

    def __init__(self, known: int, symbols: int, actions: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.actions = actions
        self.usual = skip_init(nn.Embedding, symbols * actions, symbols, device=generator.device)
        self.place = skip_init(nn.Embedding, symbols * actions, size, device=generator.device)
        nn.init.zeros_(self.usual.weight)
        nn.init.normal_(self.place.weight, generator=generator)
        self.known = linear(known, size, generator)
        self.out = linear(size, symbols, generator, gain=0.1)

    def forward(self, known: Tensor, symbol: Tensor, action: Tensor) -> Tensor:
        """What is known (…, K), sensed (…) and done (…) → log-chances (…, symbols)."""
        step = symbol * self.actions + action
        hidden = F.relu(self.known(known) + self.place(step))
        return (self.usual(step) + self.out(hidden)).log_softmax(dim=-1)


class Networks(dream.Networks):
    """DREAM's four parts, and a predictor that knows what the episode has shown so far."""

    def __init__(self, task: TableTask, settings: Settings, generator: torch.Generator) -> None:
        super().__init__(task, settings, generator)
        symbols, features = task.tables.features.shape
        actions = len(task.actions)
        self.shown = dream.Memory(features, actions, settings.memory, generator)
        self.outsider = Predictor(settings.memory, symbols, actions, settings.foresight, generator)

    def guess(self, table: Tensor, symbol: Tensor, action: Tensor, acted: Tensor) -> Tensor:
        """The log-chance of each symbol to be sensed next, knowing what was shown before: (B, T, symbols).

        Args: as in ``dream.Memory``, with symbols (B, T + 1) and actions (B, T).
        """
        shown = self.shown(table, symbol, action, acted)[:, :-1]  # (B, T, H) before each step
        return self.outsider(shown, symbol[:, :-1], action)

    def log_chances(self, table: Tensor, symbol: Tensor, action: Tensor, acted: Tensor, problem: Tensor) -> tuple:
        """The log-chance that each predictor gave to what was sensed next: (B, T) each, at most 0.

        Args:
            problem: (B,), which the outsider isn't told; the others as in ``guess``.
        """
        return (came_true(self.guess(table, symbol, action, acted), symbol),)


def came_true(log_chances: Tensor, symbol: Tensor) -> Tensor:
    """Of log-chances (B, T, symbols), those of what was then sensed, symbol (B, T + 1): (B, T)."""
    return log_chances.gather(-1, symbol[:, 1:, None])[..., 0]


def prediction_loss(log_chance: Tensor, acted: Tensor) -> Tensor:
    """The negative log-likelihood of what was sensed next, a mean over the steps that were made."""
    return -(log_chance * acted).sum() / acted.sum()


# -- learning ---------------------------------------------------------------------------------------------------


def train(
    task: TableTask,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None,
    *,
    method: str,
    parts: type[Networks],
    pay: Callable[..., Tensor],
    predicting: Callable = prediction_loss,
) -> Iterator[Snapshot]:
    """DREAM's training with another pay; yields a snapshot before the first update and after every few.

    Args:
        method: the name of the method.
        parts: which networks it has.
        pay: what the log-chances of ``parts`` are worth to the explorer: (B, T) each → (B, T), in nats.
        predicting: the predictors' loss.
        generator, resume: as in ``dream.train``.
    Raises:
        CourseError: the task has no exploration and execution episode, or the loss is no longer a number.
    """
    if not explores_then_executes(task):
        raise CourseError(
            Bilingual(
                f"{method}에는 탐험 에피소드 하나와 실행 에피소드 하나로 된, 우연이 없는 유한한 태스크가 필요한데 {task.name}은(는) 그렇지 않습니다. "
                "map을 써 보십시오.",
                f"{method} needs a finite task without chance, of one exploration and one execution episode. {task.name} is none. "
                "Try map.",
            )
        )
    device, horizon = generator.device, task.trial.horizon
    tables = task.tables_on(device)
    networks = parts(task, settings, generator).to(device)
    targets, judged = copy.deepcopy(networks), copy.deepcopy(networks)
    explorer_side = [*networks.explorer.parameters(), *networks.decoder.parameters()]
    executor_side, encoder_side = [*networks.executor.parameters()], [*networks.encoder.parameters()]
    elsewhere = {id(parameter) for parameter in (*explorer_side, *executor_side, *encoder_side)}
    predictor_side = [parameter for parameter in networks.parameters() if id(parameter) not in elsewhere]
    sides = [explorer_side, executor_side, encoder_side, predictor_side]
    rates = (settings.explorer_rate, settings.executor_rate, settings.encoder_rate, settings.predictor_rate)
    optimizer = dream.optimizer_of(*sides, settings=settings)
    replay, judge = dream.Replay(settings.replay), dream.Judge(task, settings, method=method)
    everything = math.log(len(task.splits["train"]))  # nats: all that there is to find out about a problem
    kept = dict(networks=networks, targets=targets, judged=judged, optimizer=optimizer, replay=replay)
    different = dream.DifferentSteps(task, device) if settings.once else None
    if different is not None:
        kept["different"] = different
    progress = Progress(method, task, settings, generator, resume, **kept)

    def snapshot() -> Snapshot:
        found = judge.snapshot(judged, *progress.told())
        return replace(found, metrics=found.metrics | looked_at(task, found.trials))

    if resume is None:
        yield snapshot()
    while progress.update < settings.updates:
        left = 1 - progress.update / settings.updates
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.05, left)

        with progress.timed():
            drawn = task.draw(settings.trials, generator, "train")
            blind = progress.update < dream.BLIND_UPDATES
            behaviour = dream.behave(settings.trials, task, settings, generator, blind)
            trials, _ = dream.play_trials(networks, task, drawn, settings, generator, behaviour)
            replay.add(trials, task.trial.length)
            if different is not None:
                different.add(trials)

            for _ in range(settings.updates_between):
                batch = replay.draw(settings.batch, generator)
                code = networks.encoder(batch["problem"])  # (B, Z) f(μ)
                acted, seen = batch["exploring"][:, :horizon], batch["symbol"][:, : horizon + 1]
                step = (tables.features, seen, batch["action"][:, :horizon], acted)
                prefixes = torch.cat([torch.ones_like(acted[:, :1]), acted], dim=1)  # (B, H + 1)

                # The decoder follows the encoder, as in DREAM: so execution knows all that exploration has shown.
                decoded = networks.decoder.guess(networks.decoder.memory(*step))  # (B, H + 1, Z)
                decoder_part = dream.decoder_loss(code, decoded, prefixes, settings.noise)

                # The explorer is paid by what the predictors made of its steps, and not by what the decoder did.
                predictor_part = sum(predicting(each, acted) for each in networks.log_chances(*step, batch["problem"]))
                with torch.no_grad():
                    paid = pay(*targets.log_chances(*step, batch["problem"]))  # (B, H) nats
                    reward = (paid / everything - settings.step_cost) * acted
                explorer_part = dream.explorer_loss(networks, targets, tables, batch, reward, settings)

                # The executor is given z from the encoder in half of the trials, from the decoder in the others.
                noisy = code + settings.noise * torch.randn(code.shape, generator=generator, device=device)
                found = decoded[torch.arange(len(code), device=device), acted.sum(dim=1)].detach()
                from_encoder = (torch.arange(len(code), device=device) % 2 == 0)[:, None]
                z = torch.where(from_encoder, noisy, found)
                executor_part = dream.executor_loss(
                    networks, targets, task, tables, batch, z, settings, generator, different
                )
                nats = dream.bottleneck(code, settings.noise)

                loss = explorer_part + decoder_part + executor_part + predictor_part + settings.bottleneck_weight * nats
                optimizer.zero_grad()
                loss.backward()
                for side in sides:
                    nn.utils.clip_grad_norm_(side, settings.gradient_norm)
                optimizer.step()
                follow(targets, networks, settings.target_average)
                follow(judged, networks, settings.judged_average)
            require_finite(progress.update, loss, halve=["executor_rate", "explorer_rate", "predictor_rate"])
            progress.count(updates=settings.updates_between, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(
            train_return=float(trials.returns(task.trial).mean()), paid=float((paid * acted).sum(dim=1).mean()),
            explorer_loss=explorer_part.item(), decoder_loss=decoder_part.item(),
            executor_loss=executor_part.item(), predictor_loss=predictor_part.item(), bottleneck=nats.item(),
        )  # fmt: skip
        if progress.due():
            yield snapshot()


# -- what an explorer looks at ----------------------------------------------------------------------------------


@torch.no_grad()
def looked_at(task: TableTask, trials: Trials) -> dict[str, float]:
    """What exploration spent its steps on in a city, by name, a mean over trials; empty elsewhere.

    ``useful_buses`` and ``distractor_buses``: how many different ones were ridden; ``map_read``: in which share of
    the trials; ``watched``: steps in front of the screen; ``explored``: steps in all; ``useful_information``: what is
    exactly known, in nats, of where the useful buses go; ``knowledge_worth``: what the best execution returns with all
    that is known, so that what an explorer finds is judged without the executor that it has.
    """
    if not isinstance(task, City):
        return {}
    exploring = trials.valid & (trials.episode == 0)  # (B, T)
    stops = torch.tensor([task.state(cell) for cell in task.plan.stops])
    here = torch.stack([trials.state, trials.arrived], dim=-1)[..., None] == stops  # (B, T, 2, stops)
    rode = exploring & (trials.action == RIDE) & (trials.state != trials.arrived)
    ridden = (here.any(dim=2) & rode[..., None]).any(dim=1).float()  # (B, stops)
    useful = len(stops) - task.plan.distractors
    first = (trials.episode == 1).int().argmax(dim=1, keepdim=True)  # (B, 1) execution begins
    known = information_about(task.tables, trials, task.useful_routes).gather(1, first)
    possible = possible_problems(task.tables, trials)[torch.arange(len(first)), first[:, 0]]  # (B, M)
    found = dict(
        useful_buses=float(ridden[:, :useful].sum(dim=1).mean()),
        explored=float(exploring.sum(dim=1).float().mean()),
        useful_information=float(known.mean()),
        knowledge_worth=float(knowledge_of(task).worth_of(possible).mean()),
    )
    if task.plan.distractors:
        found["distractor_buses"] = float(ridden[:, useful:].sum(dim=1).mean())
    if task.map_cell is not None:
        read = (exploring & (trials.arrived == task.state(task.map_cell))).any(dim=1)
        found["map_read"] = float(read.float().mean())
    if hasattr(task, "watching"):
        found["watched"] = float((exploring & task.watching(trials.arrived)).sum(dim=1).float().mean())
    return found
