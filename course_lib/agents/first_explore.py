"""First-Explore: one policy that only explores, one that only exploits, put together after training.

Paper: Norman and Clune (2024; preprint 2023), "First-Explore, then Exploit: Meta-Learning to Solve Hard
Exploration-Exploitation Trade-Offs". A policy that is paid for a whole trial, as RL²'s is, must give up reward now
for reward later before it has learned what to do with what it found out. Where exploring costs more than that, it
learns not to explore, and never gets to know what it missed. So here two policies are trained, neither on the
trial's return:

- the explorer makes the whole context, and is paid for how well the exploiter then does, never for its own reward;
- the exploiter is given such a context, of any length, and is paid the return of one episode. This episode doesn't
  enter the context.

After training, explore for k episodes, then exploit: which k pays best in a trial is measured on training problems.

Departures:

- both policies are trained by PPO (Schulman et al. 2017). The paper predicts which actions are followed by a return
  that is at least the highest so far (exploiter) or higher than it (explorer), and acts by that prediction. An arm
  that pays 0 or 1 can't be surpassed after its first win, and of noisy arms the highest so far is mostly luck. Their
  signals are here too, ``highest_so_far`` and ``surpasses_so_far``, and can be trained with;
- the explorer is paid how much better the exploiter did after each of its episodes than before it, and looks ahead
  with a discount; in the paper each episode is judged by the exploitation that follows at once;
- a GRU, as RL²'s here, instead of a transformer; tasks whose episodes are one step: bandits.

The functions that a lesson teaches, ``explore_reward`` and ``exploit_reward``, are arguments of ``train``: a learner's
own can be trained with.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from course_lib.agents.evaluation import evaluation_trials
from course_lib.agents.networks import gru, linear
from course_lib.agents.rl2 import rl2_input, sample, trial_advantages
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.references import references_of
from course_lib.tasks import Drawn, Running, TableFamily, Tables, Task, Trials, TrialShape, play
from course_lib.tasks.task import check_split


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 150  # the training ends after so many
    trials: int = 512  # B, contexts explored for one update; each is exploited at every length
    hidden: int = 64  # H, size of the GRU
    epochs: int = 4  # passes over these trials
    minibatches: int = 4  # gradient steps a pass
    learning_rate: float = 5e-3  # Adam; falls linearly to a tenth over the training
    discount: float = 0.7  # γ, of the explorer: how far it looks ahead
    trace: float = 0.9  # λ of its generalised advantage estimate
    clip: float = 0.2  # ε of PPO
    explore_entropy: float = 0.01  # weights of the entropy bonuses; fall linearly to zero
    exploit_entropy: float = 0.01
    value_weight: float = 0.5  # weight of the value losses
    gradient_norm: float = 0.5  # gradients are clipped to this norm
    reward_centre: float = 0.5  # returns enter the losses as (x − centre) · scale
    reward_scale: float = 1.0
    evaluate_every: int = 5  # updates between two snapshots


# What differs from task to task. Chosen on training problems, over seeds other than those reported.
SETTINGS = {
    "bandit": Settings(),
    "fixed-arm-bandit": Settings(reward_centre=1.0, reward_scale=0.3),
}


# -- the functions that the lesson teaches ----------------------------------------------------------------------


def explore_reward(explored: Tensor, exploited: Tensor) -> Tensor:
    """What the explorer is paid: how much better exploitation became by each of its episodes.

    Of a context they sum to the last exploitation's return minus the first's, as the information gains of DREAM sum
    to what was found out. The explorer's own returns have no part in it.

    Args:
        explored: (B, K) the return of each exploration episode.
        exploited: (B, K) the return of exploiting with the context before each of them.
    Returns:
        (B, K − 1): the last exploration episode is followed by no exploitation.
    """
    return exploited[:, 1:] - exploited[:, :-1]


def exploit_reward(explored: Tensor, exploited: Tensor) -> Tensor:
    """What the exploiter is paid: the return of its own single episode, (B, K) each → (B, K)."""
    return exploited


def surpasses_so_far(explored: Tensor, exploited: Tensor) -> Tensor:
    """The paper's explorer: 1 if what follows an episode is higher than all explored before it, (B, K − 1)."""
    return (exploited[:, 1:] > highest_before(explored)[:, :-1]).float()


def highest_so_far(explored: Tensor, exploited: Tensor) -> Tensor:
    """The paper's exploiter: 1 if its return is at least the highest in its context, (B, K)."""
    return (exploited >= highest_before(explored)).float()


def highest_before(explored: Tensor) -> Tensor:
    """The highest return before each episode, −∞ before the first: (B, K) → (B, K)."""
    least = torch.full_like(explored[:, :1], -math.inf)
    return torch.cat([least, explored.cummax(dim=1).values[:, :-1]], dim=1)


def worth_of_exploring(explored: Tensor, exploited: Tensor) -> Tensor:
    """What a trial of K episodes returns if the first k explore and all others exploit, for k = 0 … K − 1: (K,).

    The mean over the problems, (B, K) each: what k episodes of exploration return, and K − k times what exploiting
    their context does.
    """
    given = torch.cat([torch.zeros_like(explored[:, :1]), explored[:, :-1].cumsum(dim=1)], dim=1)  # (B, K)
    left = explored.shape[1] - torch.arange(explored.shape[1], device=explored.device)  # K … 1
    return (given + left * exploited).mean(dim=0)


# -- where it wins: the paper's bandit with one fixed arm -------------------------------------------------------


class FixedArmBandit(TableFamily):
    """Arm 0 always pays the same on average; the others' means are drawn anew, and are mostly lower.

    Source: First-Explore, "bandits with one fixed arm": means of 0.5 and N(0, 1), and noise of 0.5. Here all is
    twice as large, so that the noise is 1, and arm 0 is noisy as well.
    """

    def __init__(self, arms: int = 5, pulls: int = 20, fixed: float = 1.0, spread: float = 2.0) -> None:
        self.name = "fixed-arm-bandit"
        self.title = Bilingual(f"고정 팔 밴딧 ({arms}개 팔)", f"Bandit with one fixed arm ({arms} arms)")
        self.arms, self.pulls, self.fixed, self.spread = arms, pulls, fixed, spread
        self.actions = tuple(f"arm {arm}" for arm in range(arms))
        self.trial = TrialShape(horizon=1, instructed=(False,) * pulls, counted=(True,) * pulls, pauses=False)
        self.tables = self.tables_of(torch.zeros(1, arms))

    def tables_of(self, means: Tensor) -> Tables:
        """The tables of bandits whose arms pay so on average: (M, k)."""
        one_state = torch.zeros(len(means), 1, self.arms, dtype=torch.int64)
        return Tables(
            next_state=one_state,
            reward=means[:, None, None, :].float(),
            ends=torch.zeros(1, 1, 1, dtype=torch.bool),
            sense=one_state[:, :, 0],
            features=torch.zeros(1, 0),
            start=0,
            reward_noise="normal",
        )

    def draw(self, count: int, generator: torch.Generator, split: str = "train") -> Drawn:
        """Fresh bandits for ``count`` trials."""
        check_split(split)
        means = self.spread * torch.randn(count, self.arms, generator=generator, device=generator.device)
        means[:, 0] = self.fixed
        return Drawn(self.tables_of(means).to(generator.device), torch.arange(count, device=generator.device))

    def references(self) -> dict[str, float]:
        """Exactly: never exploring pulls arm 0; knowing the bandit pulls its best arm, E max by midpoints."""
        x = torch.linspace(self.fixed, self.fixed + 12 * self.spread, 200_001, dtype=torch.float64)
        middle = (x[1:] + x[:-1]) / 2
        below = (0.5 * (1 + torch.erf(middle / self.spread / math.sqrt(2)))) ** (self.arms - 1)
        best = self.fixed + float(((1 - below) * x.diff()).sum())
        return dict(no_exploration_return=self.pulls * self.fixed, oracle_return=self.pulls * best)


# -- the two policies -------------------------------------------------------------------------------------------


class Policies(nn.Module):
    """A GRU reads the context; on top of it the two policies, and the value of each: what it can expect to be paid."""

    def __init__(self, inputs: int, hidden: int, actions: int, generator: torch.Generator) -> None:
        super().__init__()
        self.memory = gru(inputs, hidden, generator)
        self.explore = linear(hidden, actions, generator, gain=0.01)
        self.exploit = linear(hidden, actions, generator, gain=0.01)
        self.explore_value = linear(hidden, 1, generator, gain=0.1)
        self.exploit_value = linear(hidden, 1, generator, gain=0.1)


class Reader:
    """Reads the context as it grows, one episode at a time."""

    def __init__(self, policies: Policies, task: Task, drawn: Drawn) -> None:
        self.policies, self.task, self.drawn = policies, task, drawn
        self.hidden: Tensor | None = None  # (B, H)

    def read(self, running: Running) -> Tensor:
        """The hidden state once the last episode was read: (B, H)."""
        task, memory = self.task, self.policies.memory
        sensed = task.sensed(self.drawn, running.symbol, running.instruction)
        twice = [torch.stack([x, x], dim=1) for x in (sensed, running.action, running.reward, running.done)]
        pair = rl2_input(*twice, len(task.actions))  # (B, 2, inputs): of a first step, of a later one
        if self.hidden is None:
            start = torch.zeros(1, len(self.drawn.index), memory.hidden_size, device=pair.device)
            self.hidden = memory(pair[:, :1], start)[1][0]
        else:
            self.hidden = memory(pair[:, 1:], self.hidden[None].contiguous())[1][0]
        return self.hidden


@torch.no_grad()
def explore_and_exploit(
    policies: Policies, task: Task, drawn: Drawn, generator: torch.Generator, *, greedy: bool
) -> tuple[Trials, Trials, Tensor]:
    """Let the explorer make a context of K episodes, and the exploiter exploit it once before each of them.

    Exploiting leaves no trace in the context. Episodes of a bandit know nothing of each other, so the K exploitations
    are played as a trial of their own in the same problem.

    Returns:
        Explorations, exploitations, and the hidden states (B, K, H) with which both were chosen.
    """
    reader, states, exploitation = Reader(policies, task, drawn), [], []

    def act(running: Running) -> Tensor:
        hidden = reader.read(running)
        states.append(hidden)
        exploitation.append(choose(policies.exploit(hidden), generator, greedy))
        return choose(policies.explore(hidden), generator, greedy)

    explored = play(task, drawn, generator, act)
    planned = iter(exploitation)
    exploited = play(task, drawn, generator, lambda running: next(planned))
    return explored, exploited, torch.stack(states, dim=1)


@torch.no_grad()
def first_explore_then_exploit(
    policies: Policies, task: Task, drawn: Drawn, generator: torch.Generator, episodes: int
) -> tuple[Trials, Tensor]:
    """Play trials as after training: the first ``episodes`` explore, all others exploit what these found, greedily.

    The context ends there, as the exploiter has only ever been given what the explorer saw.

    Returns:
        The trials and the hidden states (B, K, H).
    """
    reader, states = Reader(policies, task, drawn), []

    def act(running: Running) -> Tensor:
        exploring = len(states) < episodes
        hidden = reader.read(running) if len(states) <= episodes else reader.hidden
        states.append(hidden)
        return choose((policies.explore if exploring else policies.exploit)(hidden), generator, greedy=True)

    trials = play(task, drawn, generator, act)
    return trials, torch.stack(states, dim=1)


def choose(logits: Tensor, generator: torch.Generator, greedy: bool) -> Tensor:
    """(B, A) → (B,) int64."""
    return logits.argmax(dim=-1) if greedy else sample(logits, generator)


# -- training ---------------------------------------------------------------------------------------------------


def train(
    task: Task,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    pay_explorer: Callable = explore_reward,
    pay_exploiter: Callable = exploit_reward,
) -> Iterator[Snapshot]:
    """Train both policies, and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        pay_explorer, pay_exploiter: the functions that the lesson teaches.
    Raises:
        CourseError: the task's episodes are longer than a step, or the loss is no longer a number.
    """
    check_bandit(task)
    judge = Judge(task)
    inputs = task.sensed_size + len(task.actions) + 2
    policies = Policies(inputs, settings.hidden, len(task.actions), generator).to(generator.device)
    optimizer = torch.optim.Adam(policies.parameters(), lr=settings.learning_rate, eps=1e-5)
    update, env_steps, seconds, metrics = 0, 0, 0.0, {}
    if resume is not None:
        policies.load_state_dict(resume["policies"])
        optimizer.load_state_dict(resume["optimizer"])
        generator.set_state(resume["generator"])
        update, env_steps, seconds, metrics = (resume[k] for k in ("update", "env_steps", "seconds", "metrics"))

    def checkpoint() -> dict:
        return dict(
            method="first-explore",
            task=task.name,
            policies={k: v.clone() for k, v in policies.state_dict().items()},
            optimizer=copy.deepcopy(optimizer.state_dict()),
            generator=generator.get_state(),
            settings=asdict(settings),
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=dict(metrics),
        )

    if resume is None:
        yield judge.snapshot(policies, update, env_steps, seconds, metrics, checkpoint)
    while update < settings.updates:
        began = time.perf_counter()
        left = 1 - update / settings.updates
        optimizer.param_groups[0]["lr"] = settings.learning_rate * (0.1 + 0.9 * left)

        # Explore, and exploit every context on the way, with the policies as they are.
        drawn = task.draw(settings.trials, generator, "train")
        explored, exploited, hidden = explore_and_exploit(policies, task, drawn, generator, greedy=False)
        with torch.no_grad():
            paid = pay_exploiter(explored.reward, exploited.reward)  # (B, K)
            paid = (paid - settings.reward_centre) * settings.reward_scale
            gained = pay_explorer(explored.reward, exploited.reward) * settings.reward_scale  # (B, K − 1)
            before = policies.explore_value(hidden[:, :-1])[..., 0]  # (B, K − 1)
            last = torch.zeros_like(before, dtype=torch.bool)
            last[:, -1] = True
            explore_advantage = trial_advantages(
                gained, before, last, last, settings.discount, settings.trace
            )  # fmt: skip
            explore_target = explore_advantage + before
            exploit_advantage = paid - policies.exploit_value(hidden)[..., 0]
            old_explore = log_prob(policies.explore(hidden[:, :-1]), explored.action[:, :-1])
            old_exploit = log_prob(policies.exploit(hidden), exploited.action)
            sensed = task.sensed(drawn, explored.symbol, explored.instruction)
            inputs_ = rl2_input(sensed, explored.action, explored.reward, explored.done, len(task.actions))
            explore_advantage, exploit_advantage = standard(explore_advantage), standard(exploit_advantage)

        # Improve both by PPO's clipped objective, whole contexts at a time.
        for _ in range(settings.epochs):
            order = torch.randperm(settings.trials, generator=generator, device=generator.device)
            for part in order.chunk(settings.minibatches):
                states = policies.memory(inputs_[part])[0]  # (b, K, H)
                explore_loss, explore_entropy = clipped(
                    policies.explore(states[:, :-1]), explored.action[part, :-1], old_explore[part],
                    explore_advantage[part], settings.clip,
                )  # fmt: skip
                exploit_loss, exploit_entropy = clipped(
                    policies.exploit(states), exploited.action[part], old_exploit[part],
                    exploit_advantage[part], settings.clip,
                )  # fmt: skip
                explore_error = (policies.explore_value(states[:, :-1])[..., 0] - explore_target[part]).square().mean()
                exploit_error = (policies.exploit_value(states)[..., 0] - paid[part]).square().mean()
                loss = explore_loss + exploit_loss + settings.value_weight * (explore_error + exploit_error)
                bonus = settings.explore_entropy * explore_entropy + settings.exploit_entropy * exploit_entropy
                optimizer.zero_grad()
                (loss - left * bonus).backward()
                nn.utils.clip_grad_norm_(policies.parameters(), settings.gradient_norm)
                optimizer.step()
        if not torch.isfinite(loss):
            raise CourseError(
                Bilingual(
                    f"손실이 더 이상 수가 아닙니다({update}번째 업데이트). learning_rate를 절반으로 줄여 다시 해 보십시오.",
                    f"The loss is no longer a number (update {update}). Try again with half the learning_rate.",
                )
            )
        update += 1
        env_steps += int(explored.valid.sum() + exploited.valid.sum())
        seconds += time.perf_counter() - began
        metrics = dict(
            train_return=float(worth_of_exploring(explored.reward, exploited.reward).max()),
            explore_entropy=explore_entropy.item(), exploit_entropy=exploit_entropy.item(),
        )  # fmt: skip
        if update % settings.evaluate_every == 0 or update == settings.updates:
            yield judge.snapshot(policies, update, env_steps, seconds, metrics, checkpoint)


def clipped(
    logits: Tensor, action: Tensor, old: Tensor, advantage: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """PPO's clipped loss (Schulman et al. 2017, equation 7) and the policy's mean entropy."""
    ratio = (log_prob(logits, action) - old).exp()
    gain = torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    log_all = logits.log_softmax(dim=-1)
    return -gain.mean(), -(log_all.exp() * log_all).sum(dim=-1).mean()


def log_prob(logits: Tensor, action: Tensor) -> Tensor:
    """Of the actions taken: (…, A), (…) → (…)."""
    return logits.log_softmax(dim=-1).gather(-1, action[..., None])[..., 0]


def standard(advantage: Tensor) -> Tensor:
    """Of mean 0 and standard deviation 1."""
    return (advantage - advantage.mean()) / (advantage.std() + 1e-6)


def check_bandit(task: Task) -> None:
    """Raise a CourseError unless the trial is at least two episodes of one step, none of which is asked for a goal."""
    shape = task.trial
    if shape.horizon != 1 or shape.pauses or any(shape.instructed) or shape.episodes < 2 or task.continuous:
        raise CourseError(
            Bilingual(
                f"First-Explore는 여기서 밴딧만 배웁니다. {task.name} 대신 당기기가 둘 이상인 'bandit'을 주십시오.",
                f"First-Explore learns only bandits here. Give 'bandit', of two pulls or more, instead of {task.name}.",
            )
        )


# -- judging ----------------------------------------------------------------------------------------------------

TRAINING_PROBLEMS = 4000  # on which k is chosen


class Judge:
    """Chooses k on training problems, then plays the test problems. It never draws from the training's generator."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.references = references_of(task) | (task.references() if isinstance(task, FixedArmBandit) else {})
        self.test, _ = evaluation_trials(task)
        self.training = task.draw(TRAINING_PROBLEMS, torch.Generator().manual_seed(2307), "train")

    @torch.no_grad()
    def snapshot(self, policies, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task = self.task
        explored, exploited, _ = explore_and_exploit(
            policies, task, self.training, torch.Generator().manual_seed(6), greedy=True
        )
        episodes = int(worth_of_exploring(explored.reward, exploited.reward).argmax())
        trials, hidden = first_explore_then_exploit(
            policies, task, self.test, torch.Generator().manual_seed(7), episodes
        )
        metrics = metrics | dict(
            test_return=float(trials.returns(task.trial).mean()),
            explored_episodes=float(episodes),
            exploited_first=float(exploited.reward[:, 0].mean()),  # what an episode returns if nothing is known
            exploited_last=float(exploited.reward[:, -1].mean()),  # and after all the exploring there is
            explored_return=float(explored.reward.mean()),  # what an exploration episode returns
        )
        return Snapshot(
            method="first-explore",
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics,
            references=self.references,
            trials=trials,
            hidden=hidden,
            belief=None,
            checkpoint=checkpoint,
        )
