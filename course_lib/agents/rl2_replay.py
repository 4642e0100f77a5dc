"""The fair control: RL² with everything that makes DREAM fast, except that nothing is decoupled.

RL² (``rl2``) is end to end: exploration is paid what execution makes of it, and nothing else. It is usually
trained on-policy, DREAM (``dream``) from a replay, so a comparison of the two compares optimisers as well. Here RL² has
DREAM's optimiser, networks, replay, behaviour policy, targets and hindsight over all instructions, and one thing is
different, which is the thing that the paper is about (Liu et al. 2021, section 4.1, "chicken and egg"):

- no encoder, no decoder, no z: the executor reads what the explorer remembers, and its loss trains that memory;
- the explorer is paid once, when exploration ends: what the executor expects to earn with that memory,
  E_i max_a Q(s_0, a; memory, instruction i).

If DREAM succeeds where this fails, it is the coupling and not the optimiser. Measured with ten times DREAM's updates,
five seeds (``figures/ten_times.json``): 0.25 of 0.7 in the homework's city, where each seed read the map in some of its
snapshots and was paid no more for it; 0.10 of 0.8 in the city with a map, with two buses ridden. In the kitchen, with
DREAM's updates, all of ten seeds learn to look into two or three drawers (2.77 to 4.16 nats) and four reach the optimum
(``figures/results``). The six others fail at execution: even when all drawers were seen they earn −1.08 to 0.17.

Departures from RL² (Duan et al. 2016): Q-learning from a replay in place of a policy gradient; the memory of an
episode is a running maximum, as in ``dream``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from course_lib.agents import dream
from course_lib.agents.dream import Settings, follow
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.references import explores_then_executes
from course_lib.tasks import TableTask

# DREAM's, for each task. What exploring costs is nothing, and what the explorer is paid comes at the end only.
SETTINGS = {
    task: replace(settings, step_cost=0.0, explorer_discount=0.99) for task, settings in dream.SETTINGS.items()
}


class Remembered(nn.Module):
    """In the place of DREAM's decoder: what the executor is given is the explorer's memory itself."""

    def __init__(self, memory: dream.Memory) -> None:
        super().__init__()
        self.memory = memory

    def guess(self, memory: Tensor) -> Tensor:
        """(…, H) → (…, H)."""
        return memory


class Networks(nn.Module):
    """An explorer, and an executor that reads its memory."""

    def __init__(self, task: TableTask, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        features, actions = task.tables.features.shape[1], len(task.actions)
        self.explorer = dream.Explorer(features, actions, task.trial.horizon, settings, generator)
        self.executor = dream.Executor(task, replace(settings, code=settings.memory), generator)
        self.decoder = Remembered(self.explorer.memory)
        self.encoder = Nobody()


class Nobody(nn.Module):
    """In the place of DREAM's encoder: nobody tells the executor what the problem is."""

    def forward(self, problem: Tensor) -> Tensor:
        return torch.zeros(len(problem), 1, device=problem.device)


def worth_of_memory(
    executor: dream.Executor, task: TableTask, tables, problem: Tensor, memory: Tensor
) -> Tensor:
    """What the executor expects to earn with a memory before it knows what it will be asked: (B, H) → (B,).

    The only thing that exploration is paid here. The mean is over what each problem asks, as often as it asks it.
    """
    start = tables.sense[problem, tables.start]  # (B,)
    best = executor.values(tables.features, start, memory).amax(-1)  # (B, I − 1)
    if tables.instruction_chance is None:
        return best.mean(dim=-1)
    return (best * tables.instruction_chance[problem, 1:]).sum(dim=-1)


def train(
    task: TableTask,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    worth=worth_of_memory,
) -> Iterator[Snapshot]:
    """Train and yield a snapshot before the first update and after every few.

    Args, Raises: as in ``dream.train``; ``worth`` is the function that the lesson teaches.
    """
    if not explores_then_executes(task):
        raise CourseError(
            Bilingual(
                f"rl2-replay에는 탐험 에피소드 하나와 실행 에피소드 하나로 된, 우연이 없는 유한한 태스크가 필요한데 {task.name}은(는) 그렇지 않습니다. "
                "map을 써 보십시오.",
                f"rl2-replay needs a finite task without chance, of one exploration and one execution episode. {task.name} is none. "
                "Try map.",
            )
        )
    device, horizon = generator.device, task.trial.horizon
    tables = task.tables_on(device)
    networks = Networks(task, settings, generator).to(device)
    targets, judged = copy.deepcopy(networks), copy.deepcopy(networks)
    explorer_side, executor_side = [*networks.explorer.parameters()], [*networks.executor.parameters()]
    rates = (settings.explorer_rate, settings.executor_rate)
    optimizer = dream.optimizer_of(explorer_side, executor_side, settings=settings)
    replay, judge = dream.Replay(settings.replay), dream.Judge(task, settings, method="rl2-replay")
    parts = dict(networks=networks, targets=targets, judged=judged, optimizer=optimizer, replay=replay)
    different = dream.DifferentSteps(task, device) if settings.once else None
    if different is not None:
        parts["different"] = different
    progress = Progress("rl2-replay", task, settings, generator, resume, **parts)

    if resume is None:
        yield judge.snapshot(judged, *progress.told())
    while progress.update < settings.updates:
        left = 1 - progress.update / settings.updates
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * max(0.05, left)

        with progress.timed():
            # Play as DREAM does, but nobody is ever told the problem.
            drawn = task.draw(settings.trials, generator, "train")
            blind = progress.update < dream.BLIND_UPDATES
            behaviour = dream.behave(settings.trials, task, settings, generator, blind)
            behaviour = replace(behaviour, told=torch.zeros_like(behaviour.told))
            trials, _ = dream.play_trials(networks, task, drawn, settings, generator, behaviour)
            replay.add(trials, task.trial.length)
            if different is not None:
                different.add(trials)

            for _ in range(settings.updates_between):
                batch = replay.draw(settings.batch, generator)
                acted, lanes = batch["exploring"][:, :horizon], torch.arange(settings.batch, device=device)
                step = (tables.features, batch["symbol"][:, : horizon + 1], batch["action"][:, :horizon], acted)
                explored = acted.sum(dim=1)  # (B,) steps of exploration
                memory = networks.explorer.memory(*step)[lanes, explored]  # (B, H) with which execution begins

                # Exploration is paid when it ends, with what execution is worth then.
                with torch.no_grad():
                    later = targets.explorer.memory(*step)[lanes, explored]
                    reward = torch.zeros_like(acted, dtype=torch.float32)  # (B, horizon)
                    reward[lanes, explored - 1] = worth(targets.executor, task, tables, batch["problem"], later)
                    reward = (reward - settings.step_cost) * acted
                explorer_part = dream.explorer_loss(networks, targets, tables, batch, reward, settings)
                executor_part = dream.executor_loss(
                    networks, targets, task, tables, batch, memory, settings, generator, different
                )

                loss = explorer_part + executor_part
                optimizer.zero_grad()
                loss.backward()
                for side in (explorer_side, executor_side):
                    nn.utils.clip_grad_norm_(side, settings.gradient_norm)
                optimizer.step()
                follow(targets, networks, settings.target_average)
                follow(judged, networks, settings.judged_average)
            require_finite(progress.update, loss, halve=["executor_rate", "explorer_rate"])
            progress.count(updates=settings.updates_between, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(
            train_return=float(trials.returns(task.trial).mean()),
            explorer_loss=explorer_part.item(), executor_loss=executor_part.item(),
        )  # fmt: skip
        if progress.due():
            yield judge.snapshot(judged, *progress.told())
