"""First-Explore: one policy that only explores, one that only exploits, put together after training.

Paper: Norman and Clune (2024; preprint 2023), "First-Explore, then Exploit: Meta-Learning to Solve Hard
Exploration-Exploitation Trade-Offs". A policy that is paid for a whole trial, as RL²'s is, must give up
reward now for reward later before it has learned what to do with what it found out. Where exploring costs
more than that, it learns not to explore, and never gets to know what it missed. So here two policies are
trained, neither on the trial's return:

- the explorer makes the whole context, and is paid for how well the exploiter then does, never for its own
  reward;
- the exploiter is given such a context, of any length, and is paid the return of one episode. This episode
  doesn't enter the context.

After training, explore for k episodes, then exploit: which k pays best in a trial is measured on training
problems. What is given up for this: the explorer doesn't mind what it costs, and nothing is learned while
exploiting. So where exploring is cheap, as in the Bernoulli bandit, RL² ends higher; where it is dear, as in
task ``fixed-arm-bandit``, RL² pulls arm 0 for ever and this doesn't.

Departures:

- the exploiter predicts its pay for each action, and takes the action of which it expects most; while it
  learns it strays from that. The paper predicts whether a return is at least the highest in its context,
  which of noisy arms is mostly luck, and says nothing once an arm that pays 0 or 1 has paid. Trained by PPO
  instead, the exploiter settles on the best arm that needs no context before it has learned to use one;
- the explorer is trained by PPO (Schulman et al. 2017), looks ahead with a discount, and is paid how much
  more the exploiter expects after an episode than before it. In the paper each episode is judged alone, by
  whether the return that follows surpasses all before. Paid by returns (``paid_by="return"``) it learns more
  slowly: of one pull they are mostly noise. At first the exploiter's expectations are not worth much, so the
  explorer heeds them only as the exploiter strays less;
- a GRU instead of a transformer; tasks whose episodes are one step: bandits.

In the release (github.com/btnorman/First-Explore, bandit_runs/bandit_first-explore.py) the paper's own signals are in
``exploit`` and ``explore``.

The functions that a lesson teaches, ``explore_reward`` and ``exploit_reward``, are arguments of ``train``: a
learner's own can be trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.agents.dpt import tokens_of
from course_lib.agents.evaluation import evaluation_trials
from course_lib.agents.networks import gru, linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.rl2 import sample, shortened, trial_advantages
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact.bandit_algorithms import greedy as greedy_scores
from course_lib.exact.bandits import bandit_belief
from course_lib.exact.references import references_of
from course_lib.tasks import BernoulliBandit, Drawn, Running, Task, Trials, play


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 120  # the training ends after so many
    trials: int = 512  # B, contexts explored for one update; each is exploited at every length
    longest: int = 10  # L, episodes that explore; before each of them the context is exploited once
    paid_by: str = "prediction"  # of the exploiter, or the "return" that it got: what the explorer is paid by
    hidden: int = 64  # H, size of the GRU
    epochs: int = 4  # passes over these trials
    minibatches: int = 4  # gradient steps a pass
    learning_rate: float = 5e-3  # Adam; falls linearly to a tenth over the training
    discount: float = 0.9  # γ, of the explorer: how far it looks ahead
    trace: float = 0.9  # λ of its generalised advantage estimate
    clip: float = 0.2  # ε of PPO
    entropy: float = 0.03  # weight of the explorer's entropy bonus; falls linearly to zero
    stray: float = 0.1  # chance that the exploiter tries any arm; falls to this from 1 over the first part
    stray_until: float = 0.4  # of the training
    value_weight: float = 0.5  # weight of the explorer's value loss
    predict_weight: float = 1.0  # weight of the exploiter's loss
    gradient_norm: float = 0.5  # gradients are clipped to this norm
    reward_centre: float = 0.5  # returns enter the losses as (x − centre) · scale
    reward_scale: float = 1.0
    evaluate_every: int = 5  # updates between two snapshots


PAID_BY = dict.fromkeys(("prediction", "return"))

# What differs from task to task. Chosen on training problems, over seeds other than those reported.
SETTINGS = {
    "bandit": Settings(),
    "fixed-arm-bandit": Settings(trials=256, longest=20, reward_centre=1.0, reward_scale=0.3),
}


# -- the functions that the lesson teaches -------------------------------------------------------------------


def explore_reward(explored: Tensor, exploited: Tensor) -> Tensor:
    """What the explorer is paid: how much better exploitation became by each of its episodes.

    Of a context they sum to what the last exploitation is worth minus what the first is, as the information
    gains of DREAM sum to what was found out. The explorer's own returns have no part in it.

    Args:
        explored: (B, L) the return of each exploration episode.
        exploited: (B, L) the return of exploiting the context before each of them, as expected or as it came.
    Returns:
        (B, L − 1): the last exploration episode is followed by no exploitation.
    """
    return exploited[:, 1:] - exploited[:, :-1]


def exploit_reward(explored: Tensor, exploited: Tensor) -> Tensor:
    """What the exploiter is paid: the return of its own single episode, (B, L) each → (B, L)."""
    return exploited


def worth_of_exploring(explored: Tensor, exploited: Tensor, episodes: int) -> Tensor:
    """What a trial returns if its first k episodes explore and all others exploit, for k = 0 … L − 1: (L,).

    The mean over the problems: what k episodes of exploration return, and as often as episodes are left, what
    exploiting their context does.

    Args:
        explored, exploited: (B, L).
        episodes: K, of a whole trial.
    """
    given = torch.cat([torch.zeros_like(explored[:, :1]), explored[:, :-1].cumsum(dim=1)], dim=1)  # (B, L)
    left = episodes - torch.arange(explored.shape[1], device=explored.device)  # K … K − L + 1
    return (given + left * exploited).mean(dim=0)


# -- the two policies ----------------------------------------------------------------------------------------


class Policies(nn.Module):
    """A GRU reads the context. On top of it the explorer's logits and value, and what the exploiter predicts
    of each action: its pay. The exploiter takes the action of which it expects most."""

    def __init__(self, actions: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.embed = linear(actions + 1, hidden, generator)
        self.memory = gru(hidden, hidden, generator)
        self.explore = linear(hidden, actions, generator, gain=0.01)
        self.explore_value = linear(hidden, 1, generator, gain=0.01)
        self.exploit = linear(hidden, actions, generator, gain=0.01)

    def read(self, tokens: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What is remembered after each token, (B, t, A + 1) → (B, t, H), and after the last, (1, B, H)."""
        return self.memory(self.embed(tokens), hidden)


class Reader:
    """Reads the context as it grows, one episode at a time."""

    def __init__(self, policies: Policies, task: Task) -> None:
        self.policies, self.actions = policies, len(task.actions)
        self.hidden: Tensor | None = None  # (B, H)

    def read(self, running: Running) -> Tensor:
        """What is remembered once the last episode was read: (B, H)."""
        pair = tokens_of(running.action[:, None], running.reward[:, None], self.actions)  # (B, 2, A + 1)
        if self.hidden is None:
            _, hidden = self.policies.read(pair[:, :1])  # nothing was done yet
        else:
            _, hidden = self.policies.read(pair[:, 1:], self.hidden[None])
        self.hidden = hidden[0]
        return self.hidden


@torch.no_grad()
def explore_and_exploit(
    policies: Policies,
    task: Task,
    drawn: Drawn,
    generator: torch.Generator,
    *,
    greedy: bool,
    stray: float = 0.0,
) -> tuple[Trials, Trials, Tensor]:
    """Let the explorer make a context of K episodes, and the exploiter exploit it once before each of them.

    Exploiting leaves no trace in the context. Episodes of a bandit know nothing of each other, so the K
    exploitations are played as a trial of their own in the same problem.

    Args:
        greedy: the explorer takes its most likely action instead of sampling.
        stray: chance that an exploitation takes any action instead of the best one.
    Returns:
        Explorations, exploitations, and the hidden states (B, K, H) with which both were chosen.
    """
    reader, states, exploitation = Reader(policies, task), [], []

    def act(running: Running) -> Tensor:
        hidden = reader.read(running)
        states.append(hidden)
        predicted, logits = policies.exploit(hidden), policies.explore(hidden)  # (B, A) each
        strays = torch.rand(len(hidden), generator=generator, device=hidden.device) < stray
        anything = sample(torch.zeros_like(predicted), generator)
        exploitation.append(torch.where(strays, anything, predicted.argmax(dim=-1)))
        return logits.argmax(dim=-1) if greedy else sample(logits, generator)

    explored = play(task, drawn, generator, act)
    planned = iter(exploitation)
    exploited = play(task, drawn, generator, lambda running: next(planned))
    return explored, exploited, torch.stack(states, dim=1)


@torch.no_grad()
def first_explore_then_exploit(
    policies: Policies, task: Task, drawn: Drawn, generator: torch.Generator, episodes: int, *, greedy: bool
) -> tuple[Trials, Tensor]:
    """Play trials as after training: the first ``episodes`` explore, all others exploit what these found.

    The context ends there, as the exploiter has only ever been given what the explorer saw.

    Returns:
        The trials and what was remembered (B, K, H).
    """
    reader, states = Reader(policies, task), []

    def act(running: Running) -> Tensor:
        exploring = len(states) < episodes
        hidden = reader.read(running) if len(states) <= episodes else reader.hidden
        states.append(hidden)
        if not exploring:
            return policies.exploit(hidden).argmax(dim=-1)
        logits = policies.explore(hidden)
        return logits.argmax(dim=-1) if greedy else sample(logits, generator)

    trials = play(task, drawn, generator, act)
    return trials, torch.stack(states, dim=1)


# -- training ------------------------------------------------------------------------------------------------


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
    known_or_error(PAID_BY, settings.paid_by, Bilingual("대가", "pay"))
    judge, short = Judge(task, settings), shortened(task, settings.longest)
    policies = Policies(len(task.actions), settings.hidden, generator).to(generator.device)
    optimizer = torch.optim.Adam(policies.parameters(), lr=settings.learning_rate, eps=1e-5)
    progress = Progress("first-explore", task, settings, generator, resume, policies=policies, optimizer=optimizer)
    if resume is None:
        yield judge.snapshot(policies, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            left = 1 - progress.update / settings.updates
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (0.1 + 0.9 * left)

            # Explore, and exploit every context on the way, with the policies as they are.
            drawn = task.draw(settings.trials, generator, "train")
            stray = max(settings.stray, 1 - (1 - left) / settings.stray_until)
            trust = 1 - stray  # the explorer heeds the exploiter little while that has hardly been taught
            explored, exploited, hidden = explore_and_exploit(
                policies, short, drawn, generator, greedy=False, stray=stray
            )
            with torch.no_grad():
                paid = pay_exploiter(explored.reward, exploited.reward)  # (B, L)
                paid = (paid - settings.reward_centre) * settings.reward_scale
                predicted = policies.exploit(hidden)  # (B, L, A)
                if settings.paid_by == "prediction":
                    gained = pay_explorer(explored.reward, predicted.amax(dim=-1))  # (B, L − 1)
                else:
                    gained = pay_explorer(explored.reward, exploited.reward) * settings.reward_scale
                before = policies.explore_value(hidden[:, :-1])[..., 0]  # (B, L − 1)
                last = torch.zeros_like(before, dtype=torch.bool)
                last[:, -1] = True
                advantage = trial_advantages(gained, before, last, last, settings.discount, settings.trace)
                target = advantage + before
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
                old = log_prob(policies.explore(hidden[:, :-1]), explored.action[:, :-1])  # (B, L − 1)
                tokens = tokens_of(explored.action, explored.reward, len(task.actions))[:, :-1]  # (B, L, A + 1)

            # The explorer improves by PPO's clipped objective (equation 7 there), the exploiter by predicting.
            for _ in range(settings.epochs):
                order = torch.randperm(settings.trials, generator=generator, device=generator.device)
                for part in order.chunk(settings.minibatches):
                    states, _ = policies.read(tokens[part])  # (b, L, H)
                    logits = policies.explore(states[:, :-1])  # (b, L − 1, A)
                    worth = policies.explore_value(states[:, :-1])[..., 0]  # (b, L − 1)
                    ratio = (log_prob(logits, explored.action[part, :-1]) - old[part]).exp()
                    gain = torch.min(
                        ratio * advantage[part],
                        ratio.clamp(1 - settings.clip, 1 + settings.clip) * advantage[part],
                    )
                    log_all = logits.log_softmax(dim=-1)
                    entropy = -(log_all.exp() * log_all).sum(dim=-1).mean()
                    explorer_loss = -trust * gain.mean() - settings.entropy * left * entropy
                    value_loss = (worth - target[part]).square().mean()
                    taken = exploited.action[part][..., None]  # (b, L, 1)
                    predicted = policies.exploit(states).gather(-1, taken)[..., 0]  # (b, L)
                    exploiter_loss = (predicted - paid[part]).square().mean()
                    loss = (
                        explorer_loss
                        + settings.value_weight * value_loss
                        + settings.predict_weight * exploiter_loss
                    )
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(policies.parameters(), settings.gradient_norm)
                    optimizer.step()
            require_finite(progress.update, loss, halve=["learning_rate"])
            progress.count(updates=1, env_steps=int(explored.valid.sum() + exploited.valid.sum()))
        worth = worth_of_exploring(explored.reward, exploited.reward, task.trial.episodes)  # (L,)
        progress.metrics = dict(
            train_return=float(worth.max()),
            explorer_loss=explorer_loss.item(), exploiter_loss=exploiter_loss.item(), entropy=entropy.item(),
        )  # fmt: skip
        if progress.due():
            yield judge.snapshot(policies, *progress.told())


def log_prob(logits: Tensor, action: Tensor) -> Tensor:
    """Of the actions taken: (…, A), (…) → (…)."""
    return logits.log_softmax(dim=-1).gather(-1, action[..., None])[..., 0]


def check_bandit(task: Task) -> None:
    """Raise a CourseError unless the trial is at least two episodes of one step, none of which is asked for a
    goal."""
    shape = task.trial
    if shape.horizon != 1 or shape.pauses or any(shape.instructed) or shape.episodes < 2 or task.continuous:
        raise CourseError(
            Bilingual(
                f"First-Explore는 여기서 밴딧만 배웁니다. {task.name} 대신 당기기가 둘 이상인 'bandit'을 주십시오.",
                "First-Explore learns only bandits here. "
                f"Give 'bandit', of two pulls or more, instead of {task.name}.",
            )
        )


# -- judging -------------------------------------------------------------------------------------------------

TRAINING_PROBLEMS = 4000  # on which it is chosen how to explore


class Judge:
    """Chooses how to explore on training problems: for how many episodes, and whether each takes the
    likeliest action or draws one. Then plays the test problems. It never draws from the training's
    generator."""

    def __init__(self, task: Task, settings: Settings) -> None:
        self.task, self.short = task, shortened(task, settings.longest)
        self.references = references_of(task)
        self.test, _ = evaluation_trials(task)
        self.training = task.draw(TRAINING_PROBLEMS, torch.Generator().manual_seed(2307), "train")

    @torch.no_grad()
    def snapshot(self, policies, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task, found = self.task, []
        for greedy in (True, False):
            explored, exploited, _ = explore_and_exploit(
                policies, self.short, self.training, torch.Generator().manual_seed(6), greedy=greedy
            )
            worth = worth_of_exploring(explored.reward, exploited.reward, task.trial.episodes)  # (L,)
            found.append((float(worth.max()), greedy, int(worth.argmax()), explored, exploited.reward))
        _, greedy, episodes, contexts, exploited = max(found, key=lambda one: one[0])
        trials, hidden = first_explore_then_exploit(
            policies, task, self.test, torch.Generator().manual_seed(7), episodes, greedy=greedy
        )
        metrics = metrics | dict(
            test_return=float(trials.returns(task.trial).mean()),
            explored_episodes=float(episodes),
            explored_greedily=float(greedy),
            exploited_first=float(exploited[:, 0].mean()),  # what an episode returns if nothing is known
            exploited_last=float(exploited[:, -1].mean()),  # and after the longest exploring
            explored_return=float(contexts.reward.mean()),  # what an exploration episode returns
        )
        if isinstance(task, BernoulliBandit):  # the most that the last contexts are worth, read exactly
            mean = greedy_scores(bandit_belief(contexts, task.arms)[:, -1])  # (B, k) of the posterior
            metrics["exploitable_last"] = float(mean.amax(dim=-1).mean())
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
