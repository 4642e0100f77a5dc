"""VariBAD: a policy that reads its belief about the problem, the belief being learned by predicting rewards.

Paper: Zintgraf, Shiarlis, Igl, Schulze, Gal, Hofmann, Whiteson (2020), "VariBAD: A Very Good Method for
Bayes-Adaptive Deep RL via Meta-Learning". Three parts:

- the encoder q(z | τ_:t), a GRU over transitions (a, r, s'), gives after each step a Gaussian over a latent
  z of five numbers: the belief about the problem;
- the decoder p(r | s', z) predicts from z the reward of every step of the trial, past and future. Encoder
  and decoder are trained on the evidence lower bound of every prefix t, in which the prior is the belief
  one step before;
- the policy π(a | s, μ, log σ²) is feedforward: the belief is all that it knows of the past. It is trained
  by PPO, and its loss does not reach the encoder.

As in the release (github.com/lmzintgraf/varibad, ``vae.py``), of GridNavi's reward only whether it is the goal's is
predicted, with one head for each cell that a step may lead to; and the transitions, which are the same in all
problems, are not decoded.

Departures, for the sake of a minute or two on a laptop in place of hours:

- hundreds of trials at once, learning rates several times higher that fall towards zero, rewards scaled;
- encoder and decoder learn from the trials of the last 40 updates, about 10,000, where the release keeps
  100,000. The exact posterior does not depend on who played, so old trials are as true as new ones; with
  the newest alone the belief forgets the goals that the policy has stopped to look for;
- the value, which training alone needs, knows the time; the policy does not;
- all steps of a trial that led to the same cell have the same likelihood, so they are counted instead of
  decoded one by one; the sum is the same.

The functions that the lesson teaches, ``kl_to_previous``, ``reward_log_likelihood`` and ``belief_input``,
are arguments of ``train``: a learner's own can be trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.agents.evaluation import evaluation_trials, what_is_known
from course_lib.agents.networks import gru, linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.rl2 import mean_where, sample, trial_advantages
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact.bandits import bandit_belief
from course_lib.exact.references import references_of
from course_lib.tasks import BernoulliBandit, Drawn, Running, TableFamily, Task, Trials, play


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 200  # the training ends after so many
    trials: int = 256  # B, trials played for one update
    head: str = "arrived"  # what decides a reward, a head of the decoder each: where a step "arrived", or its "action"
    hidden: int = 64  # H, size of the encoder's GRU
    latent: int = 5  # Z, size of z
    decoder_hidden: int = 32  # size of the decoder's two hidden layers
    kl_weight: float = 0.03  # of the KL to the previous belief, beside the log-likelihood of the trial's rewards
    encoder_steps: int = 8  # gradient steps of encoder and decoder an update
    encoder_trials: int = 64  # trials in each of them
    remember: int = 40  # they are drawn from the trials of so many updates, the last included
    encoder_rate: float = 3e-2  # Adam; falls linearly to a tenth over the training
    policy_hidden: int = 64  # size of the policy's two hidden layers
    epochs: int = 4  # passes of PPO over the trials
    minibatches: int = 8  # gradient steps a pass
    policy_rate: float = 2e-3  # Adam; falls linearly to a twentieth over the training
    discount: float = 0.97  # γ, per step of the trial
    trace: float = 0.95  # λ of the generalised advantage estimate
    clip: float = 0.2  # ε of PPO
    entropy: float = 0.08  # weight of the entropy bonus; falls to zero as the square of what is left of the training
    value_weight: float = 0.5  # weight of the value loss
    gradient_norm: float = 0.5  # the policy's gradients are clipped to this norm
    reward_centre: float = 0.0  # rewards enter PPO's losses as (r − centre) · scale
    reward_scale: float = 0.2
    evaluate_every: int = 5  # updates between two snapshots


PAID_ABOVE = 0.5  # the decoder predicts whether a reward is above this
RELU_GAIN = 2**0.5  # what a ReLU takes of the size of its inputs (He et al. 2015)
DRAWS = 16  # of z, when a belief is decoded

# What differs from task to task. Chosen on training problems, over seeds other than those reported. On the bandit the
# policy learns, but the decoded chances of the arms stay as far from the exact ones as before training.
SETTINGS = {
    "gridnavi": Settings(updates=300),
    "bandit": Settings(
        head="action", updates=100, trials=512, encoder_rate=5e-3, trace=0.3, reward_centre=0.5, entropy=0.02
    ),
}


# -- the three functions that the lesson teaches ----------------------------------------------------------------


def kl_to_previous(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z | τ_:t) ‖ q(z | τ_:t−1)) of each step: what it changed in the belief.

    The prior of the first belief is N(0, 1).

    Args:
        mean, log_variance: (B, T, Z) of the Gaussians.
    Returns:
        (B, T), in nats.
    """
    before = torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], dim=1)
    log_before = torch.cat([torch.zeros_like(mean[:, :1]), log_variance[:, :-1]], dim=1)
    ratio = (log_variance - log_before).exp()
    distance = (mean - before) ** 2 * (-log_before).exp()
    return 0.5 * (ratio + distance - 1 - (log_variance - log_before)).sum(-1)


def reward_log_likelihood(logits: Tensor, head: Tensor, paid: Tensor, valid: Tensor) -> Tensor:
    """How likely each prefix's latent makes the rewards of the whole trial, past and future.

    log p(r_1 … r_T | z_t) = Σ_k log p(r_k | head_k, z_t): every prefix t is to explain every step k.

    Args:
        logits: (B, T, C) of each prefix t, log-odds that a step is paid, by what decides it (C heads).
        head: (B, T) int64, which head each step belongs to.
        paid: (B, T) bool, whether the step was paid.
        valid: (B, T) bool, the steps that happened.
    Returns:
        (B, T), in nats.
    """
    happened = F.one_hot(head, logits.shape[-1]).to(logits.dtype) * valid[..., None]  # (B, T, C)
    yes = (happened * paid[..., None]).sum(dim=1, keepdim=True)  # (B, 1, C)
    no = happened.sum(dim=1, keepdim=True) - yes
    return (yes * F.logsigmoid(logits) + no * F.logsigmoid(-logits)).sum(-1)


def belief_input(mean: Tensor, log_variance: Tensor, sensed: Tensor) -> Tensor:
    """What the policy reads: the belief, without a way back for its gradient, and what is sensed.

    Args:
        mean, log_variance: (…, Z) of the belief.
        sensed: (…, F).
    Returns:
        (…, 2 Z + F).
    """
    return torch.cat([mean.detach(), log_variance.detach(), sensed], dim=-1)


# -- the networks -----------------------------------------------------------------------------------------------


def transition_input(sensed: Tensor, action: Tensor, reward: Tensor, valid: Tensor, actions: int) -> Tensor:
    """What an encoder reads of a step: where it arrived, the action, the reward; zeros where nobody acted.

    Args:
        sensed: (…, F) of where the step arrived.
        action, reward, valid: (…).
    Returns:
        (…, F + A + 1).
    """
    return torch.cat([sensed, F.one_hot(action, actions), reward[..., None]], dim=-1) * valid[..., None]


def trial_inputs(task: TableFamily, drawn: Drawn, trials: Trials) -> Tensor:
    """``transition_input`` of whole trials, each step's in the column after it; none before the first: (B, T, ·)."""
    symbol = drawn.tables.sense[drawn.index[:, None], trials.arrived]
    sensed = task.sensed(drawn, symbol, trials.instruction)
    steps = transition_input(sensed, trials.action, trials.reward, trials.valid, len(task.actions))
    return torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], dim=1)


class Encoder(nn.Module):
    """A GRU over transitions, and from its state the numbers that say what is believed.

    In VariBAD these are μ and log σ² of the Gaussian q(z | τ_:t).
    """

    def __init__(self, inputs: int, hidden: int, numbers: int, generator: torch.Generator) -> None:
        super().__init__()
        self.memory = gru(inputs, hidden, generator)
        self.believe = linear(hidden, numbers, generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """The beliefs of whole trials, from their ``trial_inputs``: (B, T, ·) → (B, T, E)."""
        return self.believe(self.memory(inputs)[0])


class Decoder(nn.Module):
    """p(r | head, z): for each head the log-odds that a step is paid, (…, Z) → (…, C)."""

    def __init__(self, latent: int, hidden: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            linear(latent, hidden, generator, gain=RELU_GAIN), nn.ReLU(),
            linear(hidden, hidden, generator, gain=RELU_GAIN), nn.ReLU(),
            linear(hidden, heads, generator),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class BeliefPolicy(nn.Module):
    """A feedforward policy and a value, of a belief and what is sensed. The value knows the time as well.

    How much is still to come depends on the time; only training needs the value, so the policy stays as published.
    """

    def __init__(self, inputs: int, hidden: int, actions: int, length: int, generator: torch.Generator) -> None:
        super().__init__()
        self.actor = nn.Sequential(
            linear(inputs, hidden, generator), nn.Tanh(), linear(hidden, hidden, generator), nn.Tanh(),
            linear(hidden, actions, generator, gain=0.01),
        )  # fmt: skip
        self.critic = nn.Sequential(
            linear(inputs, hidden, generator), nn.Tanh(), linear(hidden, hidden, generator), nn.Tanh(),
            linear(hidden, 1, generator),
        )  # fmt: skip
        self.time = nn.Parameter(torch.zeros(length, hidden, device=generator.device))

    def values(self, inputs: Tensor) -> Tensor:
        """Of whole trials: (B, T, inputs) → (B, T)."""
        first, *rest = self.critic
        return nn.Sequential(*rest)(first(inputs) + self.time[: inputs.shape[1]])[..., 0]


class Networks(nn.Module):
    """All three parts."""

    def __init__(self, task: TableFamily, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        actions, latent = len(task.actions), settings.latent
        sizes = dict(arrived=task.tables.states, action=actions)
        heads = known_or_error(sizes, settings.head, Bilingual("head 설정", "head"))
        self.encoder = Encoder(task.sensed_size + actions + 1, settings.hidden, 2 * latent, generator)
        self.decoder = Decoder(latent, settings.decoder_hidden, heads, generator)
        read = 2 * latent + task.sensed_size
        self.policy = BeliefPolicy(read, settings.policy_hidden, actions, task.trial.length, generator)


# -- playing ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def play_trials(
    encoder: Encoder,
    policy: BeliefPolicy,
    task: TableFamily,
    drawn: Drawn,
    generator: torch.Generator,
    read: Callable[[Tensor, Tensor], Tensor],
    *,
    greedy: bool,
    instruction: Tensor | None = None,
    change: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Trials, Tensor, Tensor, Tensor]:
    """Play one trial for each problem drawn, with a policy that reads a belief.

    Args:
        read: from beliefs (B, E) and what is sensed (B, F) to what the policy reads.
        greedy: take the most likely action instead of sampling.
        instruction: (B,) goals to ask for, instead of drawn ones.
        change: what becomes of the beliefs (B, E) before they are read.
    Returns:
        The trials, the beliefs before each action (B, T, E), what the policy read (B, T, ·) and its logits (B, T, A).
    """
    hidden = torch.zeros(1, len(drawn.index), encoder.memory.hidden_size, device=drawn.index.device)  # (1, B, H)
    beliefs, inputs, all_logits, before = [], [], [], None

    def act(running: Running) -> Tensor:
        nonlocal hidden, before
        # Where the last step arrived is not always what is sensed now: a new episode may have begun.
        acted, asked = (torch.zeros_like(running.done), running.instruction) if before is None else before
        arrived = task.sensed(drawn, drawn.tables.sense[running.problem, running.arrived], asked)
        step = transition_input(arrived, running.action, running.reward, acted, len(task.actions))
        hidden = encoder.memory(step[:, None], hidden)[1]
        belief = encoder.believe(hidden[0])
        beliefs.append(belief if change is None else change(belief))
        inputs.append(read(beliefs[-1], task.sensed(drawn, running.symbol, running.instruction)))
        all_logits.append(policy.actor(inputs[-1]))
        before = ~running.resting, running.instruction
        return all_logits[-1].argmax(-1) if greedy else sample(all_logits[-1], generator)

    trials = play(task, drawn, generator, act, instruction)
    return trials, *(torch.stack(columns, dim=1) for columns in (beliefs, inputs, all_logits))


# -- learning ---------------------------------------------------------------------------------------------------


class Replay:
    """What encoder and decoder learn from: columns of the trials of the last updates, the oldest first."""

    def __init__(self, updates: int) -> None:
        self.updates, self.told = updates, []

    def add(self, told: tuple[Tensor, ...]) -> None:
        """Keep what an update's trials told; the oldest gives way."""
        self.told = [*self.told, told][-self.updates :]

    def state_dict(self) -> dict:
        """What a checkpoint keeps."""
        return dict(told=self.told)

    def load_state_dict(self, state: dict) -> None:
        """Go on with what ``state_dict`` gave."""
        self.told = state["told"]


def improve_policy(
    policy: BeliefPolicy,
    optimizer: torch.optim.Optimizer,
    task: TableFamily,
    trials: Trials,
    inputs: Tensor | Callable[[Tensor], Tensor],
    logits: Tensor,
    settings,
    left: float,
    generator: torch.Generator,
) -> dict[str, float]:
    """Some passes of PPO's clipped objective (Schulman et al. 2017, equation 7) over trials just played.

    Args:
        optimizer: of all that this loss is to change.
        inputs: (B, T, ·) what the policy read. The belief in it is a number like any other. Or a function that gives
            it for some of the trials, (b,) int64, where the gradient is to go further.
        logits: (B, T, A) what it said.
        left: the part of the training that is still to come.
    Returns:
        The losses, by name.
    """
    acts = trials.valid  # (B, T)
    counted = torch.tensor(task.trial.counted, device=acts.device)[trials.episode]
    reward = (trials.reward * counted - settings.reward_centre * acts) * settings.reward_scale
    over = trials.done & (trials.episode == task.trial.episodes - 1)  # the end of the trial
    lives = (over.cumsum(dim=1) - over.long()) == 0  # up to and including it
    reads = inputs if callable(inputs) else inputs.__getitem__
    changes = [weight for group in optimizer.param_groups for weight in group["params"]]
    with torch.no_grad():
        value = policy.values(reads(torch.arange(len(acts), device=acts.device)))
        advantage = trial_advantages(reward, value, trials.done, over, settings.discount, settings.trace)
        target = advantage + value
        advantage = (advantage - advantage[acts].mean()) / (advantage[acts].std() + 1e-6)
        log_prob = logits.log_softmax(-1).gather(-1, trials.action[..., None])[..., 0]
    for _ in range(settings.epochs):
        order = torch.randperm(len(acts), generator=generator, device=generator.device)
        for part in order.chunk(settings.minibatches):
            now = reads(part)
            log_all = policy.actor(now).log_softmax(-1)  # (b, T, A)
            ratio = (log_all.gather(-1, trials.action[part][..., None])[..., 0] - log_prob[part]).exp()
            gain = torch.min(
                ratio * advantage[part], ratio.clamp(1 - settings.clip, 1 + settings.clip) * advantage[part]
            )
            policy_loss = -mean_where(gain, acts[part])
            value_loss = mean_where((policy.values(now) - target[part]) ** 2, lives[part])
            entropy = mean_where(-(log_all.exp() * log_all).sum(-1), acts[part])
            loss = policy_loss + settings.value_weight * value_loss - settings.entropy * left**2 * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(changes, settings.gradient_norm)
            optimizer.step()
    return dict(policy_loss=policy_loss.item(), value_loss=value_loss.item(), entropy=entropy.item())


def train(
    task: TableFamily,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    kl: Callable = kl_to_previous,
    likelihood: Callable = reward_log_likelihood,
    make_input: Callable = belief_input,
) -> Iterator[Snapshot]:
    """Train VariBAD and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        kl, likelihood, make_input: the functions that the lesson teaches.
    Raises:
        CourseError: the decoder can't predict the task's rewards, or the loss is no longer a number.
    """
    if not can_be_decoded(task, settings.head):
        raise CourseError(
            Bilingual(
                f"VariBAD의 디코더는 칸이나 팔마다 보상을 예측합니다. head='arrived'에는 문제마다 보상 있는 칸이 하나인 태스크가, head='action'에는 "
                f"밴딧이 필요한데, {task.name} 태스크와 head={settings.head!r}은(는) 그렇지 않습니다. gridnavi를 써 보십시오.",
                "VariBAD's decoder predicts a reward for each cell or arm: head='arrived' needs a task in which each problem has "
                f"one cell that pays, head='action' a bandit. Task {task.name} with head={settings.head!r} is neither. "
                "Try gridnavi.",
            )
        )

    def read(belief: Tensor, sensed: Tensor) -> Tensor:
        return make_input(*belief.chunk(2, dim=-1), sensed)

    networks = Networks(task, settings, generator).to(generator.device)
    model = [*networks.encoder.parameters(), *networks.decoder.parameters()]
    model_optimizer = torch.optim.Adam(model, lr=settings.encoder_rate, fused=True)
    policy_optimizer = torch.optim.Adam(networks.policy.parameters(), lr=settings.policy_rate, eps=1e-5, fused=True)
    judge, replay = Judge(task, settings, read), Replay(settings.remember)
    parts = dict(networks=networks, model_optimizer=model_optimizer, policy_optimizer=policy_optimizer, replay=replay)
    progress = Progress("varibad", task, settings, generator, resume, **parts)
    if resume is None:
        yield judge.snapshot(networks, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            left = 1 - progress.update / settings.updates
            model_optimizer.param_groups[0]["lr"] = settings.encoder_rate * max(0.1, left)
            policy_optimizer.param_groups[0]["lr"] = settings.policy_rate * max(0.05, left)

            # Play with the belief as it is, and improve the policy by what that paid.
            drawn = task.draw(settings.trials, generator, "train")
            played = play_trials(networks.encoder, networks.policy, task, drawn, generator, read, greedy=False)
            trials, _, inputs, logits = played
            losses = improve_policy(
                networks.policy, policy_optimizer, task, trials, inputs, logits, settings, left, generator
            )

            # Improve the belief: encoder and decoder, by the evidence lower bound of every prefix.
            head = trials.action if settings.head == "action" else trials.arrived  # (B, T)
            told = (trial_inputs(task, drawn, trials), head, trials.reward > PAID_ABOVE, trials.valid)
            replay.add(told)
            for _ in range(settings.encoder_steps):
                which = int(torch.randint(len(replay.told), (), generator=generator, device=generator.device))
                part = torch.randperm(settings.trials, generator=generator, device=generator.device)
                history, head, paid, valid = (column[part[: settings.encoder_trials]] for column in replay.told[which])
                mean, log_variance = networks.encoder(history).chunk(2, dim=-1)  # (b, T, Z) each
                noise = torch.randn(mean.shape, generator=generator, device=mean.device)
                z = mean + (0.5 * log_variance).exp() * noise
                explained = likelihood(networks.decoder(z), head, paid, valid)  # (b, T)
                nats = kl(mean, log_variance)  # (b, T)
                bound = mean_where(explained - settings.kl_weight * nats, valid)
                model_optimizer.zero_grad()
                (-bound).backward()
                nn.utils.clip_grad_norm_(model, 10 * settings.gradient_norm)
                model_optimizer.step()
            losses["bound"] = bound.item()
            require_finite(progress.update, torch.tensor([*losses.values()]), halve=["encoder_rate", "policy_rate"])
            progress.count(updates=1, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(train_return=float(trials.returns(task.trial).mean()), **losses)
        if progress.due():
            yield judge.snapshot(networks, *progress.told())


# -- the belief, beside the exact one ---------------------------------------------------------------------------


def decoded_chances(decoder: Decoder, belief: Tensor, generator: torch.Generator, draws: int = DRAWS) -> Tensor:
    """The chance of being paid under each head, as believed: E_z σ(decoder(z)), (…, 2 Z) → (…, C)."""
    mean, log_variance = belief.chunk(2, dim=-1)
    total = 0
    for _ in range(draws // 2):
        noise = (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=generator, device=mean.device)
        total = total + decoder(mean + noise).sigmoid() + decoder(mean - noise).sigmoid()
    return total / (2 * (draws // 2))


def belief_over_goals(chances: Tensor, goals: Tensor) -> Tensor:
    """Of the chances that each cell pays, the problems': (…, C) → (…, M), summing to 1.

    Args:
        goals: (M,) int64, the cell that pays in each problem.
    """
    each = chances[..., goals].clamp(min=1e-6)
    return each / each.sum(dim=-1, keepdim=True)


def belief_distance(decoded: Tensor, exact: Tensor, valid: Tensor, episode: Tensor) -> dict[str, float]:
    """How far decoded beliefs (B, T, M) are from the exact ones, over the steps that are ``valid`` (B, T).

    Returns:
        ``belief_error``: the mean total variation ½ Σ_μ |p(μ) − q(μ)|, from 0 to 1; the same in each episode,
        ``belief_error_1``, …; ``belief_kl``: the mean KL(p ‖ q), in nats.
    """
    error = 0.5 * (decoded - exact).abs().sum(-1)  # (B, T)
    log_ratio = exact.clamp(min=1e-30).log() - decoded.clamp(min=1e-6).log()
    found = dict(
        belief_error=float(mean_where(error, valid)),
        belief_kl=float(mean_where((exact * log_ratio).sum(-1), valid)),
    )
    episodes = int(episode.max()) + 1
    if episodes <= 4:
        for k in range(episodes):
            found[f"belief_error_{k + 1}"] = float(mean_where(error, valid & (episode == k)))
    return found


def can_be_decoded(task: Task, head: str) -> bool:
    """Whether a head of the decoder each, for cells or for arms, is enough for all that the task may pay."""
    if head == "action":
        return isinstance(task, BernoulliBandit)
    one_goal_each = len(getattr(task, "goals", ())) == task.problem_count
    return isinstance(task, TableFamily) and (one_goal_each and task.instructions == 1 or head != "arrived")


# -- judging ----------------------------------------------------------------------------------------------------


class Judge:
    """Exact references of a task, and how a policy and its belief fare beside them."""

    def __init__(self, task: TableFamily, settings: Settings, read: Callable) -> None:
        self.task, self.settings, self.read = task, settings, read
        self.references = references_of(task)
        self.test, self.asked = evaluation_trials(task)

    def beside_exact(
        self, networks: Networks, trials: Trials, belief: Tensor, exact: Tensor | None
    ) -> tuple[dict, Tensor | None]:
        """How far the decoded belief is from the exact one, and, where problems can be named, that belief (B, T, M)."""
        generator = torch.Generator(belief.device).manual_seed(7)
        chances = decoded_chances(networks.decoder, belief, generator)  # (B, T, C)
        if self.settings.head == "action":
            counts = bandit_belief(trials, len(self.task.actions))  # (B, T, k, 2)
            expected = counts[..., 0] / counts.sum(-1)
            return dict(belief_error=float(mean_where((chances - expected).abs().mean(-1), trials.valid))), None
        decoded = belief_over_goals(chances, torch.tensor([self.task.state(goal) for goal in self.task.goals]))
        return belief_distance(decoded, exact, trials.valid, trials.episode), decoded

    @torch.no_grad()
    def snapshot(self, networks, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task, generator = self.task, torch.Generator(self.test.index.device).manual_seed(7)
        trials, belief, _, _ = play_trials(
            networks.encoder, networks.policy, task, self.test, generator, self.read,
            greedy=True, instruction=self.asked,
        )  # fmt: skip
        exact, known = what_is_known(task, trials)
        metrics = metrics | known | dict(test_return=float(trials.returns(task.trial).mean()))
        errors, decoded = self.beside_exact(networks, trials, belief, exact)
        _, log_variance = belief.chunk(2, dim=-1)  # (B, T, Z)
        return Snapshot(
            method="varibad",
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics | errors,
            references=self.references,
            trials=trials,
            hidden=belief,
            belief=exact,
            learned_belief=decoded,
            spread=(0.5 * log_variance).exp(),
            checkpoint=checkpoint,
        )
