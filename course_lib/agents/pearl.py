"""PEARL: infer a latent variable z from what was seen, act as if one sample of it were the truth.

Paper: Rakelly, Zhou, Quillen, Finn, Levine (2019), "Efficient Off-Policy Meta-Reinforcement Learning via
Probabilistic Context Variables". Three parts:

- the encoder q(z | c) turns each transition c_n = (s, a, r, s') of the context into a Gaussian factor; the
  posterior is their product, so the order of the transitions can't matter (section 4.1);
- actor and critic of soft actor-critic (Haarnoja et al. 2018) read z beside the state. The critic's loss trains
  the encoder as well, together with the KL from the posterior to the prior N(0, I); the actor gets z detached
  (section 5, algorithm 1);
- exploration is posterior sampling (section 4.2, algorithm 2): z is drawn from the prior, held for a whole
  episode, and drawn again from the posterior that the episode leads to.

As in the release (github.com/katerakelly/oyster): episodes are never over for the critic, only cut; the
critic's transitions are of any age and were played with z from prior and posterior. On the sparse point robot
the critic is taught the dense reward −distance, which is *privileged*: nobody senses it, and only the encoder
sees the sparse one. (There the release plays five trajectories from the prior before the first from a posterior; here
the posterior is used from the second episode on.)

Departures. The first four are so that a sample of z leads to one goal, and not to the middle of all:

- the prior is one more factor of the product, as in Bayes' rule. In the release it enters through the KL alone:
  then n transitions that say nothing still make the variance n times as small as one does, and no KL weight can
  be right for every n (``prior_factor=False``);
- the critic is taught by contexts in which something paid, once there are such (``informed``). In the release
  nearly all are: a context is 1,024 transitions. Where nothing was found yet many goals are possible, the squared
  error prefers one value for all of them, and z is drawn to where they meet. On GridNavi contexts in which
  nothing paid are pulled to the prior besides (``pull``): else their posterior stays at goals already refuted;
- contexts are whole episodes, as many as come up at meta-test, played with z from the prior. An episode played
  with z from a posterior goes where this z leads, and the encoder would take the walk for evidence of the goal;
- on the point robot z is one number, for goals that lie on a line; the release's five leave room between the
  goals, and samples of the prior fall into it: 0.92, 0.36 and 0.33 of them led to a goal at three tuning seeds,
  0.92 and 0.72 at two with one number;
- many problems are played at once; target critics in place of a separate value network, as in later soft
  actor-critic; smaller networks, a learning rate ten times as large, falling;
- rewards as they are and a temperature α, in place of α = 1 and rewards times 100 on the point robot. In these
  units the release's KL weight, 1 for the sum over 16 contexts, is 0.0016. Ours is larger there, so that the
  posteriors of all contexts together fill the prior;
- the first trials are played by a wanderer that often repeats an action, not by one that is random at each step:
  twenty random steps almost never get as far as a goal of the point robot;
- finite actions (GridNavi, not in the paper): the actor's expectation is a sum over all actions (Christodoulou
  2019), instead of a sample.

What it doesn't do: learn from an episode that found nothing where the goal is not. The exact posterior does, so
PEARL mostly stays below exact posterior sampling, which stays below the best one can do by exploring on purpose. Point
robot: the fifth episode returns 2.1 to 4.1 after 1.6 million steps (ten seeds), 4.9 to 6.2 after 4.8 million, in two to
three minutes (five seeds). At best 13.4; exactly sampled 7.8; exactly, but learning nothing from walks in vain, 6.5.
GridNavi, ten seeds: −3.3 to 8.0, median 3.9, of an exact 7.8, which one seed comes up to (on 84 trials, too few to say
that it is beaten).

The functions that the lesson teaches, ``gaussian_product``, ``kl_to_prior`` and ``resample``, are arguments of
``train``: a learner's own can be trained with.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.agents.evaluation import evaluation_trials, exact_belief_about
from course_lib.agents.networks import linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact import point_robot, posterior_sampling
from course_lib.exact.posterior_sampling import returns_by_episode
from course_lib.exact.references import references_of
from course_lib.tasks import Drawn, PointRobot, Running, TableTask, Task, Trials, play
from course_lib.tasks.point_robot import RADIUS, dense_reward, distance
from course_lib.tasks.task import where


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 300  # rounds of playing and learning; the training ends after so many
    copies: int = 1  # trials of each training problem in a round
    wander: int = 20  # first rounds, in which behaviour knows nothing of the problem
    prior_episodes: int = 2  # of a trial in training, played with z from the prior: these make contexts
    gradient_steps: int = 16  # in a round
    problems: int = 32  # in a gradient step, with one context each
    transitions: int = 32  # of each of these problems, for actor and critic
    replay: int = 200  # episodes of each problem that actor and critic learn from
    memory: int = 300  # episodes of each problem that contexts are made of
    informed: float = 1.0  # so many of the contexts hold an episode that paid
    pull: float = 0.0  # weight of the KL of contexts in which nothing paid
    prior_factor: bool = True  # whether the prior is a factor of the product
    latent: int = 5  # Z, size of z
    hidden: int = 64  # H, size of each network's two hidden layers
    learning_rate: float = 3e-3  # Adam, of all; falls linearly to a twentieth
    discount: float = 0.9  # γ, per step
    temperature: float = 0.01  # α, weight of the actor's entropy, in units of reward
    kl_weight: float = 0.02  # β, of the KL from the posterior to the prior, in squared units of reward
    target_average: float = 0.02  # how far the target critics follow in one gradient step
    gradient_norm: float = 10.0  # gradients are clipped to this norm
    critic_reward: str = "sensed"  # or "dense": the point robot's privileged −distance
    redraw: str = "episode"  # how long z is held; or "step": drawn again at each step
    evaluate_every: int = 10  # updates between two snapshots


SAMPLES = 16  # of z, by which a posterior is judged

# What differs from task to task. Chosen on training problems, over seeds other than those reported.
SETTINGS = {
    "point-robot": Settings(updates=200, latent=1, critic_reward="dense"),
    "gridnavi": Settings(updates=150, copies=4, problems=21, temperature=0.02, kl_weight=2e-3, pull=0.1),
}


# -- the three functions that the lesson teaches -------------------------------------------------------------


def gaussian_product(mean: Tensor, variance: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The posterior q(z | c) ∝ Π_n N(z; μ_n, σ²_n), one factor a transition (section 4.1).

    A product of Gaussians is a Gaussian: 1/σ² = Σ 1/σ²_n and μ = σ² Σ μ_n/σ²_n. With no factor at all it is
    the prior N(0, I).

    Args:
        mean, variance: (B, N, Z) of the factors.
        seen: (B, N) bool, which of them there are.
    Returns:
        Mean and variance of the posterior: (B, Z) each.
    """
    precision = seen[..., None] / variance  # (B, N, Z)
    nothing = ~seen.any(dim=1, keepdim=True)  # (B, 1)
    variance = 1 / torch.where(nothing, 1.0, precision.sum(dim=1))  # (B, Z)
    return variance * (precision * mean).sum(dim=1), variance


def kl_to_prior(mean: Tensor, variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) in nats: ½ Σ (μ² + σ² − 1 − ln σ²), (B, Z) each → (B,)."""
    return 0.5 * (mean**2 + variance - 1 - variance.log()).sum(dim=-1)


def resample(
    z: Tensor, mean: Tensor, variance: Tensor, new_episode: Tensor, generator: torch.Generator
) -> Tensor:
    """Posterior sampling: a new z where an episode begins, the same z until it ends (algorithm 2).

    Args:
        z: (B, Z) that was held so far.
        mean, variance: (B, Z) of the posterior now.
        new_episode: (B,) bool, whether the next step is the first of an episode.
        generator: of the sample.
    Returns:
        (B, Z), z for the next step.
    """
    sample = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator, device=mean.device)
    return torch.where(new_episode[:, None], sample, z)


def resample_each_step(z, mean, variance, new_episode, generator):  # noqa: ANN001, ANN201
    """What the lecture's page writes: a new z at every step. Such a z is gone before it leads anywhere."""
    return resample(z, mean, variance, torch.ones_like(new_episode), generator)


# By the name of the setting ``redraw``.
REDRAWS = {"episode": resample, "step": resample_each_step}


# -- the networks -----------------------------------------------------------------------------------------------


def layers(
    inputs: int, hidden: int, outputs: int, generator: torch.Generator, gain: float = 1.0
) -> nn.Sequential:
    """Two hidden layers: (…, inputs) → (…, outputs)."""
    return nn.Sequential(
        linear(inputs, hidden, generator, gain=2**0.5), nn.ReLU(),
        linear(hidden, hidden, generator, gain=2**0.5), nn.ReLU(),
        linear(hidden, outputs, generator, gain=gain),
    )  # fmt: skip


def with_prior(mean: Tensor, variance: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factors (B, N, Z), and before them the prior N(0, I) as one more, always there: (B, N + 1, Z)."""
    first = 0, 0, 1, 0  # one more row at the start of N
    return F.pad(mean, first), F.pad(variance, first, value=1.0), F.pad(seen, (1, 0), value=True)


class Encoder(nn.Module):
    """f: each transition's Gaussian factor of the posterior over z."""

    def __init__(self, inputs: int, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        self.factor = layers(inputs, settings.hidden, 2 * settings.latent, generator, gain=0.1)
        self.prior_factor = settings.prior_factor

    def forward(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """(…, F + A + 1 + F) → mean and variance (…, Z) each."""
        mean, log_variance = self.factor(transitions).chunk(2, dim=-1)
        return mean, (log_variance + 3).clamp(-12, 12).exp()  # wide at first: a transition says little

    def posterior(
        self, mean: Tensor, variance: Tensor, seen: Tensor, product: Callable
    ) -> tuple[Tensor, Tensor]:
        """What ``product`` makes of factors (B, N, Z), the prior being one more of them: (B, Z) each."""
        if self.prior_factor:
            mean, variance, seen = with_prior(mean, variance, seen)
        return product(mean, variance, seen)


class Critics(nn.Module):
    """Twin critics (Fujimoto et al. 2018): two Q-functions, of which the lower is believed.

    With finite actions each gives the values of all of them, else that of the one that it is given.
    """

    def __init__(self, inputs: int, outputs: int, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        self.both = nn.ModuleList(layers(inputs, settings.hidden, outputs, generator) for _ in range(2))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Parts of the input (…, ·) → (2, …, outputs)."""
        joined = torch.cat(inputs, dim=-1)
        return torch.stack([critic(joined) for critic in self.both])


class Networks(nn.Module):
    """Encoder, actor, critics, and the critics' slow copy that is used in targets."""

    def __init__(self, task: Task, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        sensed, actions, z = task.sensed_size, len(task.actions), settings.latent
        self.continuous, self.latent = task.continuous, z
        self.encoder = Encoder(2 * sensed + actions + 1, settings, generator)
        says = actions * (1 + task.continuous)  # logits, or mean and log deviation of each axis
        self.actor = layers(sensed + z, settings.hidden, says, generator, gain=0.01)
        read, gives = (sensed + z + actions, 1) if task.continuous else (sensed + z, actions)
        self.critics = Critics(read, gives, settings, generator)
        self.targets = copy.deepcopy(self.critics)
        self.targets.requires_grad_(False)

    def squashed(self, sensed: Tensor, z: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """A continuous action, tanh of a Gaussian, and log π of it: (…, A), (…). The mean's without generator."""
        mean, log_deviation = self.actor(torch.cat([sensed, z], dim=-1)).chunk(2, dim=-1)
        log_deviation = log_deviation.clamp(-5, 1)
        noise = torch.zeros_like(mean)
        if generator is not None:
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        free = mean + log_deviation.exp() * noise
        density = -0.5 * noise**2 - log_deviation - 0.5 * math.log(2 * math.pi)
        bend = 2 * (math.log(2) - free - F.softplus(-2 * free))  # log of tanh's derivative
        return free.tanh(), (density - bend).sum(dim=-1)

    def choose(self, sensed: Tensor, z: Tensor, generator: torch.Generator, greedy: bool) -> Tensor:
        """An action for each row: (B, F), (B, Z) → (B,) int64, or (B, A) float32."""
        if self.continuous:
            return self.squashed(sensed, z, None if greedy else generator)[0]
        logits = self.actor(torch.cat([sensed, z], dim=-1))
        if greedy:
            return logits.argmax(-1)
        return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]

    def action_values(self, critics: Critics, sensed: Tensor, action: Tensor, z: Tensor) -> Tensor:
        """Both critics' values of actions taken, given as ``task.action_features``, (…, A): (2, …)."""
        if self.continuous:
            return critics(sensed, z, action)[..., 0]
        return (critics(sensed, z) * action).sum(dim=-1)

    def soft_value(
        self, critics: Critics, sensed: Tensor, z: Tensor, temperature: float, generator: torch.Generator
    ) -> Tensor:
        """V(s, z) = E_{a ~ π} [min Q(s, a, z) − α log π(a | s, z)]: (…). What the actor maximises."""
        if self.continuous:
            action, log_prob = self.squashed(sensed, z, generator)
            return critics(sensed, z, action)[..., 0].amin(dim=0) - temperature * log_prob
        log_prob = self.actor(torch.cat([sensed, z], dim=-1)).log_softmax(-1)  # (…, A)
        return (log_prob.exp() * (critics(sensed, z).amin(dim=0) - temperature * log_prob)).sum(dim=-1)


# -- playing ----------------------------------------------------------------------------------------------------


def transition_of(
    task: Task, drawn: Drawn, symbol: Tensor, action: Tensor, reward: Tensor, arrived: Tensor
) -> dict[str, Tensor]:
    """What networks receive of transitions: ``before``, ``action``, ``reward``, ``after``: (B, …, ·)."""
    nothing_asked = torch.zeros_like(reward, dtype=torch.int64)
    if drawn.tables is not None:
        arrived = drawn.tables.sense[drawn.index.view(-1, *[1] * (arrived.dim() - 1)), arrived]
    return dict(
        before=task.sensed(drawn, symbol, nothing_asked),
        action=task.action_features(action).float(),
        reward=reward[..., None],
        after=task.sensed(drawn, arrived, nothing_asked),
    )


def context_of(transition: dict[str, Tensor]) -> Tensor:
    """c_n = (s, a, r, s'), as the encoder reads it: (…, F + A + 1 + F)."""
    return torch.cat([transition[name] for name in ("before", "action", "reward", "after")], dim=-1)


@dataclass
class Inference:
    """The posterior over z while trials run."""

    mean: Tensor  # (B, T, Z) of the posterior before each step
    variance: Tensor  # (B, T, Z)


@torch.no_grad()
def play_trials(
    networks: Networks,
    task: Task,
    drawn: Drawn,
    generator: torch.Generator,
    *,
    greedy: bool,
    wander: bool = False,
    prior_episodes: int = 0,
    product: Callable = gaussian_product,
    redraw: Callable = resample,
) -> tuple[Trials, Inference]:
    """Play one trial for each problem drawn: infer z, draw it when ``redraw`` says so, act.

    Args:
        greedy: take the actor's likeliest action instead of sampling.
        wander: ignore z, and often repeat an action that is drawn at the start of each episode.
        prior_episodes: in so many first episodes z comes from the prior, whatever was seen.
    """
    encoder, count, device = networks.encoder, len(drawn.index), drawn.index.device
    factor_mean = torch.zeros(count, task.trial.length, networks.latent, device=device)
    factor_variance = torch.ones_like(factor_mean)
    seen = torch.zeros(count, task.trial.length, dtype=torch.bool, device=device)
    z, often, symbol, means, variances = factor_mean[:, 0], None, None, [], []

    def act(running: Running) -> Tensor:
        nonlocal z, often, symbol
        t, begins = len(means), running.clock == 0  # (B,)
        if t > 0:  # the step before is context now
            step = transition_of(task, drawn, symbol, running.action, running.reward, running.arrived)
            factor_mean[:, t - 1], factor_variance[:, t - 1] = encoder(context_of(step))
            seen[:, t - 1] = True
        symbol = running.symbol
        mean, variance = encoder.posterior(factor_mean, factor_variance, seen, product)
        means.append(mean)
        variances.append(variance)
        if wander:
            often, now = wandering(task, begins, often, generator)
            return now
        at_first = (running.episode < prior_episodes)[:, None]
        mean, variance = torch.where(at_first, 0.0, mean), torch.where(at_first, 1.0, variance)
        z = redraw(z, mean, variance, begins, generator)
        return networks.choose(task.sensed(drawn, symbol, running.instruction), z, generator, greedy)

    trials = play(task, drawn, generator, act)
    return trials, Inference(torch.stack(means, dim=1), torch.stack(variances, dim=1))


def wandering(
    task: Task, begins: Tensor, often: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """An action kept for the episode, (B,) or (B, A), and what is done now: seven times in ten that one."""

    def anything() -> Tensor:
        if task.continuous:
            shape = len(begins), len(task.actions)
            return 2 * torch.rand(shape, generator=generator, device=begins.device) - 1
        return torch.randint(len(task.actions), begins.shape, generator=generator, device=begins.device)

    fresh = anything()
    often = fresh if often is None else where(begins, fresh, often)
    repeats = torch.rand(begins.shape, generator=generator, device=begins.device) < 0.7
    return often, where(repeats, often, anything())


# -- what is kept -----------------------------------------------------------------------------------------------


class Replay:
    """The last episodes of each training problem, as plain tensors (problems, episodes, horizon, ·)."""

    def __init__(self, episodes: int) -> None:
        self.episodes, self.written, self.columns = episodes, 0, {}

    @property
    def kept(self) -> int:
        return min(self.written, self.episodes)

    def add(self, columns: dict[str, Tensor]) -> None:
        """Take in (problems, new, horizon, ·) of each name, in place of the oldest."""
        new = next(iter(columns.values())).shape[1]
        slots = (self.written + torch.arange(new)) % self.episodes
        for name, column in columns.items():
            if name not in self.columns:
                self.columns[name] = column.new_zeros(len(column), self.episodes, *column.shape[2:])
            self.columns[name][:, slots.to(column.device)] = column
        self.written += new

    def state_dict(self) -> dict:
        """What a checkpoint keeps."""
        return dict(written=self.written, columns=self.columns)

    def load_state_dict(self, state: dict) -> None:
        """Go on with what ``state_dict`` gave."""
        self.written, self.columns = state["written"], state["columns"]


def draw_transitions(
    replay: Replay, rows: Tensor, count: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """``count`` steps of each of these problems, from any episode: (b, count, ·) of each name."""
    horizon = replay.columns["before"].shape[2]
    chosen = torch.randint(replay.kept * horizon, (len(rows), count), generator=generator, device=rows.device)
    places = rows[:, None] * (replay.episodes * horizon) + chosen  # (b, count)
    return {name: F.embedding(places, column.flatten(0, 2)) for name, column in replay.columns.items()}


def draw_contexts(
    memory: Replay, rows: Tensor, most: int, informed: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Contexts, one of each of these problems: 1 … ``most`` of its episodes.

    Of a part ``informed`` of the problems, the first of them is an episode that paid, if one is remembered.

    Returns:
        What the encoder reads (b, most · horizon, ·), which of it is given (b, most · horizon) bool, and whether
        a step of that paid (b,) bool.
    """
    device = rows.device
    paid = memory.columns["paid"][rows, : memory.kept].any(dim=2)  # (b, kept)
    chosen = torch.randint(memory.kept, (len(rows), most), generator=generator, device=device)
    one_that_paid = torch.multinomial(paid + 1e-9, 1, generator=generator)[:, 0]
    of_these = torch.rand(len(rows), generator=generator, device=device) < informed
    chosen[:, 0] = torch.where(of_these, one_that_paid, chosen[:, 0])
    count = torch.randint(1, most + 1, (len(rows), 1), generator=generator, device=device)
    given = torch.arange(most, device=device) < count  # (b, most)
    context = memory.columns["context"][rows[:, None], chosen]  # (b, most, horizon, ·)
    steps = given.repeat_interleave(context.shape[2], dim=1)
    return context.flatten(1, 2), steps, (paid.gather(1, chosen) & given).any(dim=1)


# -- training ---------------------------------------------------------------------------------------------------


def train(
    task: Task,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    product: Callable = gaussian_product,
    kl: Callable = kl_to_prior,
    redraw: Callable | None = None,
) -> Iterator[Snapshot]:
    """Train PEARL and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        product, kl, redraw: the functions that the lesson teaches; for None, what ``settings.redraw`` says.
    Raises:
        CourseError: PEARL doesn't fit the task, or the loss is no longer a number.
    """
    check_task(task, settings)
    device = generator.device
    redraw = redraw or REDRAWS[settings.redraw]
    judge = Judge(task, product, redraw)
    networks = Networks(task, settings, generator).to(device)
    parts = networks.encoder, networks.actor, networks.critics
    encoder, actor, critics = (list(part.parameters()) for part in parts)
    critic_optimizer = torch.optim.Adam(encoder + critics, lr=settings.learning_rate, fused=True)
    actor_optimizer = torch.optim.Adam(actor, lr=settings.learning_rate, fused=True)
    problems = task.splits["train"]
    drawn = Drawn(getattr(task, "tables", None), problems.repeat_interleave(settings.copies))
    drawn = on_device(task, drawn, device)
    replay, memory = Replay(settings.replay), Replay(settings.memory)
    most = max(1, task.trial.episodes - 1)  # episodes in a context
    progress = Progress(
        "pearl", task, settings, generator, resume,
        networks=networks, critic_optimizer=critic_optimizer, actor_optimizer=actor_optimizer,
        replay=replay, memory=memory,
    )  # fmt: skip
    if resume is None:
        yield judge.snapshot(networks, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            left = 1 - progress.update / settings.updates
            for optimizer in (critic_optimizer, actor_optimizer):
                optimizer.param_groups[0]["lr"] = settings.learning_rate * (0.05 + 0.95 * left)

            # Play every training problem by posterior sampling, and keep the episodes.
            wander = progress.update < settings.wander
            trials, _ = play_trials(
                networks, task, drawn, generator,
                greedy=False, wander=wander, prior_episodes=settings.prior_episodes,
                product=product, redraw=redraw,
            )  # fmt: skip
            everything, context = episodes_of(task, drawn, trials, settings)
            replay.add(everything)
            from_prior = task.trial.episodes if wander else settings.prior_episodes
            memory.add({name: column[:, :, :from_prior].flatten(1, 2) for name, column in context.items()})

            for _ in range(settings.gradient_steps):
                # What a context says of z, and transitions of the same problem.
                rows = torch.randperm(len(problems), generator=generator, device=device)[: settings.problems]
                context, given, _ = draw_contexts(memory, rows, most, settings.informed, generator)
                batch = draw_transitions(replay, rows, settings.transitions, generator)
                mean, variance = networks.encoder.posterior(*networks.encoder(context), given, product)  # (b, Z)
                noise = torch.randn(mean.shape, generator=generator, device=device)
                z = (mean + variance.sqrt() * noise)[:, None].expand(-1, settings.transitions, -1)  # (b, n, Z)

                # Critics and encoder: the soft Bellman error, and the KL (section 5).
                with torch.no_grad():
                    future = networks.soft_value(
                        networks.targets, batch["after"], z, settings.temperature, generator
                    )
                    target = batch["taught"][..., 0] + settings.discount * future  # (b, n)
                value = networks.action_values(networks.critics, batch["before"], batch["action"], z)  # (2, b, n)
                critic_loss = ((value - target) ** 2).mean(dim=(1, 2)).sum()
                divergence = kl(mean, variance).mean()
                loss = critic_loss + settings.kl_weight * divergence
                if settings.pull:
                    context, given, paid = draw_contexts(memory, rows, most, 0.0, generator)
                    uninformed = networks.encoder.posterior(*networks.encoder(context), given, product)
                    loss = loss + settings.pull * (~paid * kl(*uninformed)).mean()
                critic_optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(encoder + critics, settings.gradient_norm)
                critic_optimizer.step()

                gain = actor_gain(networks, batch["before"], z, settings.temperature, generator)
                actor_optimizer.zero_grad()
                (-gain).backward(inputs=actor)
                nn.utils.clip_grad_norm_(actor, settings.gradient_norm)
                actor_optimizer.step()
                with torch.no_grad():
                    torch._foreach_lerp_(list(networks.targets.parameters()), critics, settings.target_average)
            require_finite(progress.update, critic_loss, divergence, gain, halve=["learning_rate"])
            progress.count(updates=1, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(
            train_return=float(trials.returns(task.trial).mean()),
            critic_loss=critic_loss.item(), kl=divergence.item(), actor_gain=gain.item(),
        )  # fmt: skip
        if progress.due():
            yield judge.snapshot(networks, *progress.told())


def actor_gain(
    networks: Networks, sensed: Tensor, z: Tensor, temperature: float, generator: torch.Generator
) -> Tensor:
    """What the actor is to raise: the soft value of its own actions. It is told z, but doesn't teach it."""
    return networks.soft_value(networks.critics, sensed, z.detach(), temperature, generator).mean()


def check_task(task: Task, settings: Settings) -> None:
    """Raise a CourseError unless trials are made of whole episodes in problems that come again."""
    known_or_error(REDRAWS, settings.redraw, Bilingual("z를 다시 뽑는 때", "moment to draw z again"))
    rewards = dict.fromkeys(["sensed", "dense"] if isinstance(task, PointRobot) else ["sensed"])
    known_or_error(rewards, settings.critic_reward, Bilingual("크리틱의 보상", "reward of the critic"))
    comes_again = task.problem_count is not None and not any(task.trial.instructed) and not task.trial.pauses
    whole = not isinstance(task, TableTask) or not (task.tables.ends.any() or task.tables.random)
    if not comes_again or not whole:
        raise CourseError(
            Bilingual(
                "여기의 PEARL은 문제의 수가 유한하고, 지시가 없고, 에피소드 길이가 일정한 태스크에서 학습합니다. "
                f"{task.name} 태스크는 그렇지 않습니다. point-robot이나 gridnavi를 써 보십시오.",
                "PEARL as written here learns on finitely many problems without instructions, whose episodes are "
                f"all of one length. Task {task.name} is not like that. Try point-robot or gridnavi.",
            )
        )


def on_device(task: Task, drawn: Drawn, device: torch.device) -> Drawn:
    """The same problems, with tables and index on ``device``."""
    tables = task.tables_on(device) if isinstance(task, TableTask) else None
    return Drawn(tables, drawn.index.to(device))


def episodes_of(
    task: Task, drawn: Drawn, trials: Trials, settings: Settings
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Trials cut into episodes, by problem.

    Returns:
        What actor and critic learn from, ``taught`` being the reward: (problems, copies · K, horizon, ·) each.
        And (problems, copies, K, horizon, ·) ``context``, which the encoder reads, and ``paid``, whether a step
        did.
    """
    transition = transition_of(task, drawn, trials.symbol, trials.action, trials.reward, trials.arrived)
    context, taught = context_of(transition), transition.pop("reward")
    if settings.critic_reward == "dense":
        goal = task.goals.to(taught.device)[trials.problem][:, None]  # (B, 1, 2)
        taught = dense_reward(trials.arrived, goal)[..., None]

    def by_problem(column: Tensor) -> Tensor:
        shape = -1, settings.copies, task.trial.episodes, task.trial.horizon
        return column.unflatten(1, shape[2:]).unflatten(0, shape[:2])

    everything = {name: by_problem(x).flatten(1, 2) for name, x in (transition | {"taught": taught}).items()}
    return everything, dict(context=by_problem(context), paid=by_problem(trials.reward > 0))


# -- judging ----------------------------------------------------------------------------------------------------


@cache
def exact_sampling(task: Task) -> dict[str, float]:
    """What posterior sampling returns with the exact posterior and exact actions, z held and z redrawn."""
    room = point_robot if isinstance(task, PointRobot) else posterior_sampling
    counted = torch.tensor(task.trial.counted)
    found = {}
    for name, held in (("posterior_sampling_return", "episode"), ("posterior_sampling_redrawn", "step")):
        returns = room.sampled_returns(task, torch.Generator().manual_seed(2019), copies=100, held=held)
        found[name] = float((returns * counted).sum(dim=1).mean())
    return found


class Judge:
    """How PEARL fares on the test problems, beside exact numbers; never from the training's generator."""

    def __init__(self, task: Task, product: Callable, redraw: Callable) -> None:
        self.task, self.product, self.redraw = task, product, redraw
        self.references = references_of(task) | exact_sampling(task)
        self.test, _ = evaluation_trials(task)

    @torch.no_grad()
    def snapshot(self, networks, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task = self.task
        test = on_device(task, self.test, next(networks.parameters()).device)
        played = {}
        for redraw in {self.redraw, *REDRAWS.values()}:
            generator = torch.Generator(test.index.device).manual_seed(7)
            played[redraw] = play_trials(
                networks, task, test, generator, greedy=True, product=self.product, redraw=redraw
            )
        returns = {redraw: float(trials.returns(task.trial).mean()) for redraw, (trials, _) in played.items()}
        trials, inference = played[self.redraw]
        episodes = returns_by_episode(trials.map(lambda x: x.cpu()), task.trial.episodes).mean(dim=0)  # (K,)
        metrics = metrics | dict(
            test_return=returns[self.redraw],
            test_return_held=returns[resample],
            test_return_redrawn=returns[resample_each_step],
            found=float((trials.reward > 0).any(dim=1).float().mean()),
            **{f"return_{k + 1}": float(mean) for k, mean in enumerate(episodes)},
            **beside_exact_belief(networks, task, test, trials, inference),
        )
        cpu = trials.map(lambda x: x.cpu())
        return Snapshot(
            method="pearl",
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics,
            references=self.references,
            trials=cpu,
            hidden=inference.mean.cpu(),
            spread=inference.variance.sqrt().cpu(),
            belief=exact_belief_about(task, cpu),
            checkpoint=checkpoint,
        )


@torch.no_grad()
def beside_exact_belief(
    networks: Networks, task: Task, drawn: Drawn, trials: Trials, inference: Inference
) -> dict[str, float]:
    """The learned posterior beside the exact one, at the start of the first and of the last episode.

    z says nothing by itself, so what counts is where it leads: samples of z are held for an episode, and the
    place where that ends is compared with the goals that are still possible.

    Returns:
        ``possible_first``, ``possible_last``: of the samples, how many end near a goal that is still possible
        (1 for the exact posterior). ``covered_first``, ``covered_last``: of the exact posterior's mass, how much
        lies near one of ``SAMPLES`` samples; ``covered_exact_first``, ``…_last``: the same for samples from the
        exact one. Empty where a goal is no place.
    """
    if not hasattr(task, "goals"):
        return {}
    if isinstance(task, PointRobot):
        possible = point_robot.possible_goals(task, trials)  # (B, T, M)
    else:
        possible = exact_belief_about(task, trials.map(lambda x: x.cpu())).to(trials.reward.device) > 0
    generator = torch.Generator(trials.reward.device).manual_seed(8)
    found = {}
    for name, first in (("first", 0), ("last", (task.trial.episodes - 1) * task.trial.horizon)):
        mean, variance = inference.mean[:, first], inference.variance[:, first]  # (B, Z)
        noise = torch.randn(SAMPLES, *mean.shape, generator=generator, device=mean.device)
        ends = where_it_leads(networks, task, drawn, mean + variance.sqrt() * noise, generator)  # (n, B, ·)
        left = possible[:, first].float()  # (B, M)
        near = near_goals(task, ends) & possible[:, first]  # (n, B, M)
        drawn_exactly = torch.multinomial(left, SAMPLES, replacement=True, generator=generator).T  # (n, B)
        exact_places = goal_places(task, trials.reward.device)[drawn_exactly]
        exactly = near_goals(task, exact_places) & possible[:, first]
        found |= {
            f"possible_{name}": float(near.any(dim=-1).float().mean()),
            f"covered_{name}": float((near.any(dim=0).sum(dim=-1) / left.sum(dim=-1)).mean()),
            f"covered_exact_{name}": float((exactly.any(dim=0).sum(dim=-1) / left.sum(dim=-1)).mean()),
        }
    return found


def where_it_leads(
    networks: Networks, task: Task, drawn: Drawn, z: Tensor, generator: torch.Generator
) -> Tensor:
    """Where the greedy actor stands after an episode with each z held: (n, B, Z) → (n, B, ·)."""
    many = Drawn(drawn.tables, drawn.index.repeat(len(z)))  # (n · B,)
    running, flat = task.begin(many, generator), z.flatten(0, 1)
    for _ in range(task.trial.horizon):
        sensed = task.sensed(many, running.symbol, running.instruction)
        running.step(networks.choose(sensed, flat, generator, greedy=True))
    return running.arrived.unflatten(0, z.shape[:2])


def goal_places(task: Task, device: torch.device) -> Tensor:
    """Where the goals lie: (M, 2) float32 points or (M,) int64 states."""
    if isinstance(task, PointRobot):
        return task.goals.to(device)
    return torch.tensor([task.state(goal) for goal in task.goals], device=device)


def near_goals(task: Task, place: Tensor) -> Tensor:
    """Which goals would pay at a place: (…, ·) → (…, M) bool."""
    goals = goal_places(task, place.device)
    if isinstance(task, PointRobot):
        return distance(place[..., None, :], goals) <= RADIUS
    return place[..., None] == goals
