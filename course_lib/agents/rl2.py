"""RL²: a recurrent policy that learns to learn, trained end to end over whole trials.

Paper: Duan, Schulman, Chen, Bartlett, Sutskever, Abbeel (2016), "RL²: Fast Reinforcement Learning via Slow
Reinforcement Learning". The policy is a GRU. At each step it reads what it senses, its last
action, the last reward and whether that ended an episode (s, a, r, d; section 2.2). Its hidden state is kept
across the episodes of a trial, and is fresh at the start of each trial: what it learned of the problem lives
there. The objective is the return of the whole trial, so exploration is paid for, if at all, by what execution
makes of it.

Departures: PPO (Schulman et al. 2017) in place of TRPO; rewards are centred and scaled before they reach the
losses (with raw rewards the value loss fills the clipped gradient); the instruction (the goal) is an input.
On the bandits of 100 pulls a GRU came to 77.8 (5 arms, one seed) and no further. There the memory is ``FastWeights``,
as on the random MDPs, training begins on trials of 10 pulls, which grow to the whole length, and, what counts most,
training is told what it made up itself (``privileged``): the critic reads what each arm pays on average (an asymmetric
critic: Pinto et al. 2018), and what an arm loses on average beside the best one stands for the reward drawn. The policy
is told nothing, neither in training nor after. Its entropy bonus does not fall to zero: as it falls, exploring is left
to the noise of sampling, and greedy play has none. Greedy, after two minutes: 78.14 with 5 arms (median of ten seeds,
77.83 to 78.23), 82.67 with 10 arms (four minutes; ten seeds, 82.35 to 83.31). RL² has 78.7 and 83.5 in the paper's
table 1; the Gittins index (γ = 0.98), which is as good as optimal, 78.6 and 83.7. What each is good for (hidden = 64,
one seed, 20,000 training problems, where the whole had 78.4): with the bonus falling to zero 77.8, with a critic that
is not told 77.5 to 77.9, with rewards as drawn 75.7 to 77.5.

On the random MDPs a GRU of 64 has learned little after 2 M steps (105 to 116, five seeds; random play earns 100): it
would have to keep fifty means apart. There the memory adds up what each action paid in each state (``FastWeights``),
and only how to read it is learned. So the memory does the statistics: whoever reads it with the true prior and plans
nothing earns 158.6 (± 0.1, 40,000 MDPs), more than the 156.2 published of RL² (table 2) and than the 155.0 to 155.9
learned here.

The functions that lesson 01 teaches, ``rl2_input``, ``carry_hidden_state`` and ``trial_advantages``, are arguments
of ``train``: a learner's own can be trained with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.agents.evaluation import evaluation_trials, what_is_known
from course_lib.agents.networks import gru, linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact import knowledge_of, possible_problems
from course_lib.exact.references import perfect_exploration, references_of
from course_lib.tasks import BernoulliBandit, Drawn, Running, Task, Trials, play


EXPLORERS = ("learned", "perfect")
EXECUTORS = ("learned", "perfect", "perfect, paid late")


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 400  # the training ends after so many
    trials: int = 256  # B, trials played for one update; more of them while they are shorter
    shortest: int | None = None  # episodes of the first trials, which then grow longer; None: whole from the start
    growing: float = 0.5  # share of the training over which they grow to the whole length
    memory: str = "gru"  # or "fast-weights", for what is remembered by what was sensed and done: see ``FastWeights``
    hidden: int = 64  # H, size of the GRU; of fast weights, of what reads them
    epochs: int = 4  # passes over these trials
    minibatches: int = 4  # gradient steps a pass
    learning_rate: float = 3e-3  # Adam; falls linearly to a tenth over the training
    discount: float = 0.99  # γ, per step of the trial
    trace: float = 0.95  # λ of the generalised advantage estimate
    value_trace: float | None = None  # λ of what the value is taught; None: the same
    clip: float = 0.2  # ε of PPO
    entropy: float = 0.01  # weight of the entropy bonus; falls linearly
    entropy_left: float = 0.0  # but not below this share of it
    privileged: bool = False  # bandits: the critic and what is learned from know what each arm pays on average
    value_weight: float = 0.5  # weight of the value loss
    gradient_norm: float = 0.5  # gradients are clipped to this norm
    reward_centre: float = 0.0  # rewards enter the losses as (r − centre) · scale
    reward_scale: float = 1.0
    explorer: str = "learned"  # or "perfect": a scripted explorer, so that only execution is learned
    executor: str = "learned"  # or "perfect": exploration is paid the exact worth of what it found out, at once …
    # … or "perfect, paid late": only when the trial ends, as late as execution's return would come
    evaluate_every: int = 5  # updates between two snapshots


# What differs from task to task. Chosen on training problems, over seeds other than those reported.
# fmt: off
SETTINGS = {
    "bandit": Settings(
        updates=180, trials=512, learning_rate=5e-3, trace=0.8, value_trace=0.95, entropy=0.03,
        reward_centre=0.5, reward_scale=0.3,
    ),
    "bandit pulls=100": Settings(
        updates=120, trials=1024, memory="fast-weights", hidden=32, privileged=True, epochs=2, minibatches=8,
        learning_rate=5e-3, discount=1.0, trace=0.95, value_trace=1.0, entropy=0.15, entropy_left=0.6, reward_scale=0.2,
        shortest=10, growing=0.2, evaluate_every=10,
    ),
    "bandit arms=10 pulls=100": Settings(
        updates=120, trials=1024, memory="fast-weights", hidden=32, privileged=True, epochs=2, minibatches=8,
        learning_rate=5e-3, discount=1.0, trace=0.95, value_trace=1.0, entropy=0.15, entropy_left=0.6, reward_scale=0.2,
        shortest=10, growing=0.2, evaluate_every=10,
    ),
    "fixed-arm-bandit": Settings(
        updates=96, learning_rate=5e-3, trace=0.3, reward_centre=1.0, reward_scale=0.1, evaluate_every=4,
    ),
    "map": Settings(updates=300),
    "homework-map": Settings(updates=300),
    "distracting-bus": Settings(updates=300),
    "hurried-bus": Settings(updates=300),
    "noisy-tv": Settings(updates=300),
    "cooking": Settings(updates=1500, entropy=0.1, evaluate_every=25),
    "revealing-arm": Settings(updates=300),
    "point-robot": Settings(updates=300),
    "gridnavi": Settings(updates=300),
    "random-mdp": Settings(
        updates=60, memory="fast-weights", learning_rate=5e-3, trace=0.3, entropy=0.05, reward_centre=1.0,
        reward_scale=0.1,
    ),
}
# fmt: on


# -- the three functions that the lesson teaches ----------------------------------------------------------------


def rl2_input(sensed: Tensor, action: Tensor, reward: Tensor, done: Tensor, actions: int) -> Tensor:
    """What RL² reads at each step: (s_t, a_{t−1}, r_{t−1}, d_{t−1}), section 2.2.

    Args:
        sensed: (B, T, F) features of what is sensed at t.
        action, reward, done: (B, T) what was done at t, what it paid, whether it ended an episode.
        actions: A.
    Returns:
        (B, T, F + A + 2). At t = 0 nothing was done yet: the last three parts are zero there.
    """
    did = torch.cat([F.one_hot(action, actions), reward[..., None], done[..., None]], dim=-1)  # (B, T, A + 2)
    before = torch.cat([torch.zeros_like(did[:, :1]), did[:, :-1]], dim=1)  # shifted by one step
    return torch.cat([sensed, before.to(sensed.dtype)], dim=-1)


def continuous_input(sensed: Tensor, action: Tensor, reward: Tensor, done: Tensor, actions: int) -> Tensor:
    """``rl2_input`` where an action is a vector, (B, T, A), and is read as it is."""
    did = torch.cat([action, reward[..., None], done[..., None]], dim=-1)  # (B, T, A + 2)
    return torch.cat([sensed, torch.cat([torch.zeros_like(did[:, :1]), did[:, :-1]], dim=1)], dim=-1)


def carry_hidden_state(hidden: Tensor, new_episode: Tensor, new_trial: Tensor) -> Tensor:
    """The hidden state with which the next input is read: kept across episodes, zero for a new trial.

    Args:
        hidden: (B, H) after the last input.
        new_episode, new_trial: (B,) bool, whether the next input is the first of an episode, of a trial.
    """
    return hidden * ~new_trial[:, None]


def trial_advantages(
    reward: Tensor, value: Tensor, episode_over: Tensor, trial_over: Tensor, discount: float, trace: float
) -> Tensor:
    """Generalised advantage estimates over whole trials (Schulman et al. 2016, equation 16).

    Credit flows back across the end of an episode, and stops only at the end of the trial. Otherwise
    exploration would never be paid for what execution makes of it.

    Args:
        reward, value: (B, T) rewards, and the value estimated before each of them.
        episode_over, trial_over: (B, T) bool, whether the step at t ended an episode, the trial.
    Returns:
        (B, T).
    """
    advantage, following = torch.zeros_like(value[:, 0]), torch.zeros_like(value[:, 0])
    result = []
    for t in reversed(range(reward.shape[1])):
        goes_on = (~trial_over[:, t]).float()
        surprise = reward[:, t] + discount * following * goes_on - value[:, t]  # δ_t
        advantage = surprise + discount * trace * goes_on * advantage
        following = value[:, t]
        result.append(advantage)
    return torch.stack(result[::-1], dim=1)


# -- the policy -------------------------------------------------------------------------------------------------


class Policy(nn.Module):
    """A GRU with two heads: action logits and the value of the rest of the trial.

    Of a continuous action the head gives the mean of a Gaussian; its spread is the same in every state.
    """

    def __init__(
        self, inputs: int, hidden: int, actions: int, generator: torch.Generator, continuous: bool = False
    ) -> None:
        super().__init__()
        self.memory = gru(inputs, hidden, generator)
        self.actor = linear(hidden, actions, generator, gain=0.01)
        self.critic = linear(hidden, 1, generator)
        self.log_deviation = nn.Parameter(torch.full((actions,), -0.5)) if continuous else None  # (A,)

    def heads(self, hidden: Tensor, chances: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits or means (…, A) and values (…) from hidden states (…, H).

        Args:
            chances: (…, A), what each arm pays on average, for a critic that is told.
        """
        told = () if chances is None else (chances,)
        return self.actor(hidden), self.critic(hidden, *told)[..., 0]

    def choose(self, logits: Tensor, generator: torch.Generator, greedy: bool) -> Tensor:
        """An action of each row: (B, A) → (B,) int64, or (B, A) float32 where actions are continuous."""
        if self.log_deviation is None:
            return logits.argmax(-1) if greedy else sample(logits, generator)
        noise = torch.randn(logits.shape, generator=generator, device=logits.device)
        return logits if greedy else logits + self.log_deviation.exp() * noise

    def log_prob_and_entropy(self, logits: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Of the action taken, log π(a | h), and of π(· | h), the entropy: (…) each, in nats."""
        if self.log_deviation is None:
            log_all = logits.log_softmax(-1)
            return log_all.gather(-1, action[..., None])[..., 0], -(log_all.exp() * log_all).sum(-1)
        gaussian = torch.distributions.Normal(logits, self.log_deviation.exp(), validate_args=False)
        return gaussian.log_prob(action).sum(-1), gaussian.entropy().sum(-1)


class FastWeights(nn.Module):
    """A memory that adds up, by what was sensed and done, how often that was and what it paid.

    A matrix to which each step adds the outer product of a value, (1, r), and a key, s ⊗ a; what is remembered of the
    actions here is read with the keys s ⊗ a of all a (fast weights: Schmidhuber 1992; linear attention: Katharopoulos
    et al. 2020; here neither key nor value has parameters). It is called as ``nn.GRU`` is, and its hidden state is one
    vector: H = 2 F A + F, the matrix and what is sensed now.
    """

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.features, self.actions = features, actions
        self.cells = max(features, 1)  # F; where nothing is sensed, all is one
        self.hidden_size = 2 * self.cells * actions + self.cells

    def forward(self, inputs: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs (B, T, ·) as ``rl2_input`` makes them, hidden (1, B, H) → (B, T, H) and (1, B, H)."""
        count, steps, _ = inputs.shape
        sensed = inputs[..., : self.features] if self.features else inputs.new_ones(count, steps, 1)  # (B, T, F)
        action, reward = inputs[..., -2 - self.actions : -2], inputs[..., -2]  # (B, T, A), (B, T): of the step before
        if hidden is None:
            hidden = inputs.new_zeros(1, count, self.hidden_size)
        matrix, before = hidden[0].split([self.hidden_size - self.cells, self.cells], dim=-1)
        before = torch.cat([before[:, None], sensed[:, :-1]], dim=1)  # (B, T, F)
        key = before[..., :, None] * action[..., None, :]  # (B, T, F, A)
        value = torch.stack([torch.ones_like(reward), reward], dim=-1)  # (B, T, 2)
        added = (value[..., None, None] * key[:, :, None]).flatten(2)  # (B, T, 2 F A)
        states = torch.cat([matrix[:, None] + added.cumsum(dim=1), sensed], dim=-1)  # (B, T, H)
        return states, states[:, -1][None]

    def read(self, hidden: Tensor) -> Tensor:
        """What is remembered of each action here, and of the time: (…, H) → (…, A, 3)."""
        matrix, sensed = hidden.split([self.hidden_size - self.cells, self.cells], dim=-1)
        matrix = matrix.unflatten(-1, (2, self.cells, self.actions))
        often, paid = (matrix * sensed[..., None, :, None]).sum(-2).unbind(-2)  # (…, A) each
        steps = matrix[..., 0, :, :].sum((-1, -2))[..., None].expand_as(often)
        return torch.stack([paid / (1 + often), (1 + often) ** -0.5, steps / 100], dim=-1)


class Reader(nn.Module):
    """A number for each action, or one number for all, from what fast weights say of all of them."""

    def __init__(
        self,
        memory: FastWeights,
        hidden: int,
        generator: torch.Generator,
        gain: float = 1.0,
        pooled: bool = False,
        told: bool = False,
    ) -> None:
        super().__init__()
        self.read, self.pooled = memory.read, pooled
        self.one, self.all = linear(5 if told else 3, hidden, generator), linear(hidden, hidden, generator)
        self.out = linear(hidden, 1, generator, gain=gain)

    def forward(self, hidden: Tensor, chances: Tensor | None = None) -> Tensor:
        """Hidden states of ``FastWeights`` (…, H), and chances (…, A) if it is told them → (…, A) or (…, 1)."""
        found = self.read(hidden)  # (…, A, 3)
        if chances is not None:
            told = torch.stack([chances, -lost_by(chances)], dim=-1)  # (…, A, 2)
            found = torch.cat([found, told.expand(*found.shape[:-1], 2)], dim=-1)
        each = F.relu(self.one(found))  # (…, A, hidden)
        beside = self.all(each.mean(dim=-2))  # what the others are like
        if self.pooled:
            return self.out(F.relu(beside))
        return self.out(F.relu(each + beside[..., None, :]))[..., 0]


class FastWeightsPolicy(Policy):
    """The same two heads over ``FastWeights``: what is learned is how to read them."""

    def __init__(
        self, features: int, hidden: int, actions: int, generator: torch.Generator, privileged: bool = False
    ) -> None:
        nn.Module.__init__(self)
        self.memory = FastWeights(features, actions)
        self.actor = Reader(self.memory, hidden, generator, gain=0.01)
        self.critic = Reader(self.memory, hidden, generator, pooled=True, told=privileged)
        self.log_deviation = None


def lost_by(chances: Tensor) -> Tensor:
    """What is lost on average by each arm beside the best one: (…, A) → (…, A)."""
    return chances.amax(dim=-1, keepdim=True) - chances


def unroll(policy: Policy, inputs: Tensor, new_episode: Tensor, carry: Callable) -> Tensor:
    """Hidden states over whole trials: (B, T, inputs) → (B, T, H).

    The reference never touches the hidden state within a trial, so one fused call does it all. A function
    that does is stepped through.
    """
    if carry is carry_hidden_state:
        return policy.memory(inputs)[0]
    hidden = inputs.new_zeros(len(inputs), policy.memory.hidden_size)
    states = []
    for t, column in enumerate(inputs.unbind(dim=1)):
        hidden = carry(hidden, new_episode[:, t], torch.full_like(new_episode[:, t], t == 0))
        hidden = policy.memory(column[:, None], hidden[None].contiguous())[1][0]
        states.append(hidden)
    return torch.stack(states, dim=1)


@torch.no_grad()
def play_trials(
    policy: Policy,
    task: Task,
    drawn: Drawn,
    generator: torch.Generator,
    *,
    greedy: bool,
    script: Tensor | None = None,
    instruction: Tensor | None = None,
    make_input: Callable = rl2_input,
    carry: Callable = carry_hidden_state,
) -> tuple[Trials, Tensor, Tensor]:
    """Play one trial for each problem drawn.

    Args:
        greedy: take the most likely action instead of sampling.
        script: (steps,) actions to take, one after another, in the first episode, instead of the policy's.
        instruction: (B,) goals to ask for, instead of drawn ones.
    Returns:
        The trials, the hidden states (B, T, H) and the logits or means (B, T, A).
    """
    if task.continuous and make_input is rl2_input:
        make_input = continuous_input
    hidden = torch.zeros(len(drawn.index), policy.memory.hidden_size, device=drawn.index.device)  # (B, H)
    episode_before, states, all_logits = None, [], []

    def act(running: Running) -> Tensor:
        nonlocal hidden, episode_before
        first = episode_before is None
        sensed = task.sensed(drawn, running.symbol, running.instruction)  # (B, F + I)
        # ``make_input`` shifts by one step: of two columns, the last step and this one, the second is the input.
        twice = [torch.stack([x, x], dim=1) for x in (sensed, running.action, running.reward, running.done)]
        pair = make_input(*twice, len(task.actions))  # (B, 2, inputs)
        starts = torch.full_like(running.done, first)
        hidden = carry(hidden, starts if first else running.episode != episode_before, starts)
        hidden = policy.memory(pair[:, :1] if first else pair[:, 1:], hidden[None].contiguous())[1][0]
        logits = policy.actor(hidden)  # (B, A)
        states.append(hidden)
        all_logits.append(logits)
        episode_before = running.episode
        action = policy.choose(logits, generator, greedy)
        if script is not None:
            scripted = (running.episode == 0) & ~running.resting
            action = torch.where(scripted, script[running.clock.clamp(max=len(script) - 1)], action)
        return action

    trials = play(task, drawn, generator, act, instruction)
    return trials, torch.stack(states, dim=1), torch.stack(all_logits, dim=1)


def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw from softmax(logits) by the Gumbel trick: (B, A) → (B,)."""
    noise = torch.empty_like(logits).exponential_(generator=generator)
    return (logits.softmax(-1) / noise).argmax(-1)


# -- training ---------------------------------------------------------------------------------------------------


def train(
    task: Task,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    make_input: Callable = rl2_input,
    carry: Callable = carry_hidden_state,
    advantages: Callable = trial_advantages,
    method: str = "rl2",
    counted: tuple[bool, ...] | None = None,
) -> Iterator[Snapshot]:
    """Train RL² and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        make_input, carry, advantages: the functions that the lesson teaches.
        method, counted: a variant's name, and for each episode whether its rewards are learned from (``e_rl2``);
            None: those that the task counts.
    Raises:
        CourseError: the settings don't fit the task, or the loss is no longer a number.
    """
    if task.continuous and make_input is rl2_input:
        make_input = continuous_input
    judge = Judge(task, settings, make_input, carry, method, counted)
    policy = policy_for(task, settings, generator).to(generator.device)
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)
    progress = Progress(method, task, settings, generator, resume, policy=policy, optimizer=optimizer)
    if resume is None:
        yield judge.snapshot(policy, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            left = 1 - progress.update / settings.updates
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (0.1 + 0.9 * left)
            bonus = settings.entropy * max(left, settings.entropy_left)

            # Play trials with the policy as it is.
            short = shortened(task, grown_to(task.trial.episodes, settings, 1 - left))
            count = settings.trials * task.trial.episodes // short.trial.episodes
            drawn = task.draw(count, generator, "train")
            trials, hidden, logits = play_trials(
                policy, short, drawn, generator, greedy=False, script=judge.script, make_input=make_input, carry=carry
            )
            reward, trial_over, acts, counts = judge.lesson(trials, short.trial.episodes)  # (B, T) each
            chances = None
            if settings.privileged:  # the policy, which played, was not told
                chances = drawn.tables.reward[drawn.index, 0, :1]  # (B, 1, A)
                reward = -lost_by(chances[:, 0]).gather(1, trials.action) * acts
            with torch.no_grad():
                _, value = policy.heads(hidden, chances)  # (B, T)
                scaled = (reward - settings.reward_centre * acts) * settings.reward_scale
                flow = scaled, value, trials.done, trial_over, settings.discount
                advantage = advantages(*flow, settings.trace)
                patient = settings.value_trace not in (None, settings.trace)
                target = value + (advantages(*flow, settings.value_trace) if patient else advantage)
                centred = advantage[acts]
                advantage = (advantage - centred.mean()) / (centred.std() + 1e-6)
                log_prob, _ = policy.log_prob_and_entropy(logits, trials.action)  # (B, T)
                sensed = task.sensed(drawn, trials.symbol, trials.instruction)
                inputs_ = make_input(sensed, trials.action, trials.reward, trials.done, len(task.actions))
                new_episode = torch.ones_like(trials.done)
                new_episode[:, 1:] = trials.episode[:, 1:] != trials.episode[:, :-1]

            # Improve it by PPO's clipped objective (Schulman et al. 2017, equation 7), whole trials at a time.
            for _ in range(settings.epochs):
                order = torch.randperm(count, generator=generator, device=generator.device)
                for part in order.chunk(settings.minibatches):
                    states = unroll(policy, inputs_[part], new_episode[part], carry)  # (b, T, H)
                    new_logits, new_value = policy.heads(states, None if chances is None else chances[part])
                    new_log_prob, surprise = policy.log_prob_and_entropy(new_logits, trials.action[part])
                    ratio = (new_log_prob - log_prob[part]).exp()
                    gain = torch.min(
                        ratio * advantage[part],
                        ratio.clamp(1 - settings.clip, 1 + settings.clip) * advantage[part],
                    )
                    policy_loss = -mean_where(gain, acts[part])
                    value_loss = mean_where((new_value - target[part]) ** 2, counts[part])
                    entropy = mean_where(surprise, acts[part])
                    loss = policy_loss + settings.value_weight * value_loss - bonus * entropy
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(policy.parameters(), settings.gradient_norm)
                    optimizer.step()
            require_finite(progress.update, loss, halve=["learning_rate"])
            progress.count(updates=1, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(
            train_return=float(trials.returns(task.trial).mean()),
            policy_loss=policy_loss.item(), value_loss=value_loss.item(), entropy=entropy.item(),
        )  # fmt: skip
        if progress.due():
            yield judge.snapshot(policy, *progress.told())


def policy_for(task: Task, settings: Settings, generator: torch.Generator) -> Policy:
    """A new policy with the memory that the settings name.

    Raises:
        CourseError: there is no such memory, or it can't remember this task, or has no use for what it is told.
    """
    actions = len(task.actions)
    if settings.privileged and not (isinstance(task, BernoulliBandit) and settings.memory == "fast-weights"):
        raise CourseError(
            Bilingual(
                f"{task.name}에 기억 '{settings.memory}'(으)로는 privileged=True를 쓸 수 없습니다. 베르누이 밴딧에 "
                "memory='fast-weights'를 쓰거나 privileged를 False로 두십시오.",
                f"privileged=True does not go with task {task.name} and memory '{settings.memory}'. Take a Bernoulli "
                "bandit with memory='fast-weights', or leave privileged at False.",
            )
        )
    if settings.memory == "gru":
        return Policy(task.sensed_size + actions + 2, settings.hidden, actions, generator, task.continuous)
    if settings.memory == "fast-weights" and not task.continuous and getattr(task, "tables", None) is not None:
        return FastWeightsPolicy(
            task.tables.features.shape[1], settings.hidden, actions, generator, settings.privileged
        )
    raise CourseError(
        Bilingual(
            f"{task.name}에는 기억(memory) '{settings.memory}'을(를) 쓸 수 없습니다. 'gru'를 주십시오. "
            "상태와 행동이 유한한 태스크에는 'fast-weights'도 됩니다.",
            f"Task {task.name} can't be learned with memory '{settings.memory}'. Give 'gru' or, "
            "where states and actions are finitely many, 'fast-weights'.",
        )
    )


def grown_to(episodes: int, settings: Settings, progress: float) -> int:
    """How many of its episodes a trial has, when ``progress`` of the training is over: it grows by equal factors."""
    if settings.shortest is None or settings.shortest >= episodes or progress >= settings.growing:
        return episodes
    return round(settings.shortest * (episodes / settings.shortest) ** (progress / settings.growing))


def shortened(task: Task, episodes: int) -> Task:
    """The same task with trials of ``episodes`` episodes, if it has more."""
    short, trial = copy.copy(task), task.trial
    if episodes < trial.episodes:
        short.trial = replace(trial, instructed=trial.instructed[:episodes], counted=trial.counted[:episodes])
    return short


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of ``values`` where ``mask``; both of one shape."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


# -- judging ----------------------------------------------------------------------------------------------------


class Judge:
    """Exact references of a task, and how a policy fares beside them. It never draws from the training's generator."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        make_input: Callable,
        carry: Callable,
        method: str = "rl2",
        counted: tuple[bool, ...] | None = None,
    ) -> None:
        known_or_error(dict.fromkeys(EXPLORERS), settings.explorer, Bilingual("explorer 설정", "explorer"))
        known_or_error(dict.fromkeys(EXECUTORS), settings.executor, Bilingual("executor 설정", "executor"))
        self.task, self.settings, self.how = task, settings, dict(make_input=make_input, carry=carry)
        self.method, self.counted = method, counted or task.trial.counted
        self.references = references_of(task)
        self.test, self.goals = evaluation_trials(task)
        self.script, self.perfect_script = None, perfect_exploration(task)
        if self.perfect_script is not None and task.end_action is not None:
            self.perfect_script = torch.cat([self.perfect_script, torch.tensor([task.end_action])])
        if settings.explorer == "perfect":
            self.script = self.perfect_script
        self.perfect_executor = settings.executor != "learned"
        if self.perfect_script is None and (settings.explorer == "perfect" or self.perfect_executor):
            raise CourseError(
                Bilingual(
                    f"{task.name}에는 완벽한 탐험자나 실행자가 준비되어 있지 않습니다. explorer와 executor를 'learned'로 두십시오.",
                    f"Task {task.name} has no perfect explorer or executor. Leave explorer and executor at 'learned'.",
                )
            )

    def lesson(self, trials: Trials, episodes: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is learned from: rewards, where the trial is over, steps that act, steps of which a value is learned.

        Trials of fewer ``episodes`` than the task's are over after these.
        With a scripted explorer its steps teach no action; with a perfect executor the trial is over after
        exploration, which is paid the exact worth of what it found out.
        """
        last = trials.done & (trials.episode == (episodes or self.task.trial.episodes) - 1)
        counted = torch.tensor(self.counted, device=trials.reward.device)[trials.episode]  # (B, T)
        reward, acts = trials.reward * counted, trials.valid
        if self.settings.explorer == "perfect":
            acts = acts & (trials.episode > 0)
        if self.perfect_executor:
            if self.settings.executor == "perfect":
                last = trials.done & (trials.episode == 0)
            acts = acts & (trials.episode == 0)
            reward = last * self.worth_of_knowledge(trials)[:, None]
        lives = (last.cumsum(dim=1) - last.long()) == 0  # up to and including the trial's last step
        return reward, last, acts & lives, lives

    def worth_of_knowledge(self, trials: Trials) -> Tensor:
        """The exact return that execution can expect with what each trial's exploration found out: (B,)."""
        possible = possible_problems(self.task.tables, trials)  # (B, T, M)
        first = (trials.episode == 1).float().argmax(dim=1)
        known = possible[torch.arange(len(first)), first]  # (B, M)
        return knowledge_of(self.task).worth_of(known)

    @torch.no_grad()
    def snapshot(self, policy, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task, generator = self.task, torch.Generator(self.test.index.device).manual_seed(7)
        trials, hidden, _ = play_trials(
            policy, task, self.test, generator, greedy=True, script=self.script, instruction=self.goals, **self.how
        )
        metrics = metrics | dict(test_return=float(trials.returns(task.trial).mean()))
        belief, known = what_is_known(task, trials)
        metrics |= known
        if self.perfect_script is not None:
            told, _, _ = play_trials(
                policy, task, self.test, generator, greedy=True,
                script=self.perfect_script, instruction=self.goals, **self.how,
            )  # fmt: skip
            metrics["execution_given_exploration"] = float(told.returns(task.trial).mean())
        if self.perfect_executor:
            metrics["test_return"] = float(self.worth_of_knowledge(trials).mean())
        return Snapshot(
            method=self.method,
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics,
            references=self.references,
            trials=trials,
            hidden=hidden,
            belief=belief,
            checkpoint=checkpoint,
        )
