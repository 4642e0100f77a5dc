"""DPT: a transformer that is taught which arm is best, and thereby becomes a Thompson sampler.

Paper: Lee, Xie, Pacchiano, Chandak, Finn, Nachum, Brunskill (2023), "Supervised Pretraining Can Learn
In-Context Reinforcement Learning". Nothing here is reinforced. In pretraining a problem is drawn, somebody
who knows nothing acts in it at random, and the decision-pretrained transformer is taught to tell from any
beginning of that context what the best action would have been. Whoever predicts that as well as it can be
predicted gives the posterior probability that each action is best. So sampling an action from the prediction
is posterior (Thompson) sampling: exploring comes from not knowing. Taking the likeliest action is for acting
on data that others collected ("offline" in the paper).

In a Bernoulli bandit that probability is known exactly (``exact.bandits.probability_best``), so each snapshot
says how far the prediction is from it.

What a transformer adds here: nothing but generality. What a context tells of a Bernoulli bandit is its wins
and losses, and ``network="counts"`` gives those to two small layers instead, which come closer in less time.
The transformer has to find out that counting is all there is to it; where it isn't, there is nothing to put
in its place.

The release (github.com/jon--lee/decision-pretrained-transformer) has the loss in ``train.py``, and the two ways of
acting in ``BanditTransformerController`` of ctrls/ctrl_bandit.py.

Departures: no embeddings of positions, as the order of a bandit's context tells nothing (``positions`` puts
them back); every batch has problems of its own, in place of a data set of 100,000 read again and again; the
learning rate falls; the empty context is learned from as well. The arms pay 0 or 1
and the contexts are as long as the course's bandit (the paper's main bandits are Gaussian, 500 pulls).

The functions that a lesson teaches, ``pretraining_batch``, ``prediction_loss`` and
``thompson_by_prediction``, are arguments of ``train``: a learner's own can be trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.agents.evaluation import evaluation_trials
from course_lib.agents.networks import linear
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.snapshot import Snapshot
from course_lib.bilingual import Bilingual, CourseError, known_or_error
from course_lib.exact.bandit_algorithms import BanditPlayer, thompson
from course_lib.exact.bandits import bandit_belief, probability_best
from course_lib.exact.references import references_of
from course_lib.tasks import BernoulliBandit, Drawn, Running, Task, Trials, play


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 1500  # gradient steps; the training ends after so many
    contexts: int = 256  # B, contexts in each
    network: str = "transformer"  # or "counts": two layers that are given the wins and losses
    layers: int = 2  # of the transformer
    width: int = 32  # H, size of what it keeps of each token
    heads: int = 4  # of its attention
    positions: bool = False  # tell each token its place in the context
    learning_rate: float = 3e-3  # AdamW; rises over the first 5 %, then falls linearly to zero
    weight_decay: float = 1e-4
    gradient_norm: float = 1.0  # gradients are clipped to this norm
    evaluate_every: int = 50  # updates between two snapshots


# Chosen on training problems, over seeds other than those reported.
SETTINGS = {"bandit": Settings()}


# -- the three functions that the lesson teaches -------------------------------------------------------------


def pretraining_batch(
    chances: Tensor, pulls: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Contexts of somebody who knows nothing, and the arm that would have been best.

    Each context has random habits: how often it pulls which arm is a Dirichlet draw, mixed with a single arm
    by a weight from 0, 0.1, …, 1, as in the paper. Habits know nothing of the bandit: or else the choice of
    an arm would tell how good it is.

    Args:
        chances: (B, k) of the bandits drawn.
    Returns:
        action (B, n) int64 and reward (B, n) float32 of n pulls, best (B,) int64.
    """
    count, arms = chances.shape
    device = generator.device
    share = torch.empty(count, arms, device=device).exponential_(generator=generator)
    share = share / share.sum(dim=1, keepdim=True)  # Dirichlet(1, …, 1)
    favourite = F.one_hot(torch.randint(arms, (count,), generator=generator, device=device), arms)
    weight = torch.randint(11, (count, 1), generator=generator, device=device) / 10
    habit = (1 - weight) * share + weight * favourite  # (B, k)
    action = torch.multinomial(habit, pulls, replacement=True, generator=generator)  # (B, n)
    draw = torch.rand(count, pulls, generator=generator, device=device)
    reward = (draw < chances.gather(1, action)).float()
    return action, reward, chances.argmax(dim=1)


def prediction_loss(logits: Tensor, best: Tensor) -> Tensor:
    """How badly the best arm was foretold, in nats, averaged over all beginnings of the contexts.

    Args:
        logits: (B, n + 1, k) after 0 … n pulls.
        best: (B,).
    """
    each = best[:, None].expand(-1, logits.shape[1])  # one label for all beginnings
    return F.cross_entropy(logits.flatten(0, 1), each.flatten())


def thompson_by_prediction(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Pull each arm as often as it is predicted to be the best: (B, k) → (B,) int64."""
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)[:, 0]


def likeliest(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Pull the arm that is predicted to be the best: (B, k) → (B,) int64."""
    return logits.argmax(dim=-1)


# -- the networks --------------------------------------------------------------------------------------------


def tokens_of(action: Tensor, reward: Tensor, arms: int) -> Tensor:
    """What is read: a token that asks, then each pull's arm and reward. (B, n) each → (B, n + 1, k + 1).

    The first token is zeros: a bandit has no state to ask about.
    """
    pulled = torch.cat([F.one_hot(action, arms).float(), reward[..., None]], dim=-1)  # (B, n, k + 1)
    return torch.cat([torch.zeros_like(pulled[:, :1]), pulled], dim=1)


class Block(nn.Module):
    """GPT-2's block: attention to all tokens so far, then two layers for each; both are added on."""

    def __init__(self, width: int, heads: int, generator: torch.Generator) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width, device=generator.device)
        self.ask = linear(width, 3 * width, generator)  # queries, keys, values
        self.answer = linear(width, width, generator, gain=0.5)
        self.before_layers = nn.LayerNorm(width, device=generator.device)
        self.wide = linear(width, 4 * width, generator)
        self.narrow = linear(4 * width, width, generator, gain=0.5)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """(B, t, H) → (B, t, H), and the keys and values so far. With ``past``, x is one new token."""
        b, t, width = x.shape
        split = self.ask(self.before_attention(x)).view(b, t, 3, self.heads, width // self.heads)
        query, key, value = split.transpose(1, 3).unbind(dim=2)  # (B, heads, t, H / heads) each
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        x = x + self.answer(seen.transpose(1, 2).reshape(b, t, width))
        return x + self.narrow(F.gelu(self.wide(self.before_layers(x)))), [key, value]


class Transformer(nn.Module):
    """Reads a context token by token and says after each which arm it thinks best."""

    def __init__(self, arms: int, pulls: int, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        self.embed = linear(arms + 1, settings.width, generator)
        self.place = None
        if settings.positions:
            start = torch.randn(pulls + 1, settings.width, generator=generator, device=generator.device)
            self.place = nn.Parameter(0.02 * start)  # (n + 1, H)
        blocks = [Block(settings.width, settings.heads, generator) for _ in range(settings.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(settings.width, device=generator.device)
        self.predict = linear(settings.width, arms, generator, gain=0.01)

    def forward(self, tokens: Tensor, past: list | None = None) -> tuple[Tensor, Tensor, list]:
        """(B, t, k + 1) → logits (B, t, k), what lies behind them (B, t, H), and the next token's ``past``."""
        x = self.embed(tokens)
        if self.place is not None:
            first = 0 if past is None else past[0][0].shape[2]
            x = x + self.place[first : first + tokens.shape[1]]
        kept = []
        for number, block in enumerate(self.blocks):
            x, keys_and_values = block(x, None if past is None else past[number])
            kept.append(keys_and_values)
        x = self.norm(x)
        return self.predict(x), x, kept


class Counts(nn.Module):
    """Two layers that are given the wins and losses of each arm: all that the context tells."""

    def __init__(self, arms: int, pulls: int, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        self.first = linear(4 * arms, 2 * settings.width, generator)
        self.second = linear(2 * settings.width, 2 * settings.width, generator)
        self.predict = linear(2 * settings.width, arms, generator, gain=0.01)

    def forward(self, tokens: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """As the transformer's; ``past`` are the counts."""
        pulled, reward = tokens[..., :-1], tokens[..., -1:]
        counts = torch.cat([pulled * reward, pulled * (1 - reward)], dim=-1).cumsum(dim=1)  # (B, t, 2k)
        if past is not None:
            counts = counts + past
        x = torch.cat([counts.log1p(), 1 / (1 + counts)], dim=-1)  # a tenth pull matters less than the first
        x = F.gelu(self.second(F.gelu(self.first(x))))
        return self.predict(x), x, counts[:, -1:]


NETWORKS = {"transformer": Transformer, "counts": Counts}


@torch.no_grad()
def play_trials(
    network: nn.Module, task: BernoulliBandit, drawn: Drawn, generator: torch.Generator, choose: Callable
) -> tuple[Trials, Tensor, Tensor]:
    """Play one trial for each problem drawn: the context is what was done so far.

    Args:
        choose: ``thompson_by_prediction`` or ``likeliest``.
    Returns:
        The trials, what lies behind the predictions (B, n, H), and their logits (B, n, k), before each pull.
    """
    past, hidden, all_logits = None, [], []

    def act(running: Running) -> Tensor:
        nonlocal past
        # The token that asks, and the last pull: of the first the only one, later the new one.
        pair = tokens_of(running.action[:, None], running.reward[:, None], task.arms)
        logits, behind, past = network(pair[:, :1] if past is None else pair[:, 1:], past)
        hidden.append(behind[:, 0])
        all_logits.append(logits[:, 0])
        return choose(logits[:, 0], generator)

    trials = play(task, drawn, generator, act)
    return trials, torch.stack(hidden, dim=1), torch.stack(all_logits, dim=1)


# -- training ------------------------------------------------------------------------------------------------


def train(
    task: Task,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    batch: Callable = pretraining_batch,
    loss_of: Callable = prediction_loss,
    choose: Callable = thompson_by_prediction,
) -> Iterator[Snapshot]:
    """Pretrain, and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        batch, loss_of, choose: the functions that the lesson teaches.
    Raises:
        CourseError: the task is no Bernoulli bandit, or the loss is no longer a number.
    """
    check_bandit(task)
    kind = known_or_error(NETWORKS, settings.network, Bilingual("신경망", "network"))
    judge = Judge(task, choose)
    network = kind(task.arms, task.pulls, settings, generator).to(generator.device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    progress = Progress("dpt", task, settings, generator, resume, network=network, optimizer=optimizer)
    if resume is None:
        yield judge.snapshot(network, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            done = progress.update / settings.updates
            share = min((progress.update + 1) / (0.05 * settings.updates), 1 - done)
            optimizer.param_groups[0]["lr"] = settings.learning_rate * share

            drawn = task.draw(settings.contexts, generator, "train")
            action, reward, best = batch(chances_of(drawn), task.pulls, generator)  # (B, n), (B, n), (B,)
            logits, _, _ = network(tokens_of(action, reward, task.arms))  # (B, n + 1, k)
            loss = loss_of(logits, best)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_norm)
            optimizer.step()
            require_finite(progress.update, loss, halve=["learning_rate"])
            progress.count(updates=1, env_steps=action.numel())
        progress.metrics = dict(loss=loss.item(), train_return=float(reward.sum(dim=1).mean()))
        if progress.due():
            yield judge.snapshot(network, *progress.told())


def check_bandit(task: Task) -> None:
    """Raise a CourseError unless the task is a Bernoulli bandit."""
    if not isinstance(task, BernoulliBandit):
        raise CourseError(
            Bilingual(
                f"DPT는 여기서 베르누이 밴딧만 배웁니다. {task.name} 대신 'bandit'을 주십시오.",
                f"DPT learns only Bernoulli bandits here. Give 'bandit' instead of {task.name}.",
            )
        )


def chances_of(drawn: Drawn) -> Tensor:
    """The chance of each arm to pay, by trial: (B, k)."""
    return drawn.tables.reward[drawn.index, 0, 0]


# -- judging -------------------------------------------------------------------------------------------------


def regret_by_pull(trials: Trials, chances: Tensor) -> Tensor:
    """How much less each pull's arm pays on average than the best arm, mean over trials: (n,)."""
    lost = chances.amax(dim=1, keepdim=True) - chances.gather(1, trials.action)  # (B, n)
    return lost.mean(dim=0)


def divergence(exact: Tensor, logits: Tensor) -> Tensor:
    """KL(exact ‖ predicted), in nats: (…, k) each → (…). Its mean is how far the loss is above the least."""
    return (torch.xlogy(exact, exact) - exact * logits.double().log_softmax(dim=-1)).sum(dim=-1)


def variation(exact: Tensor, logits: Tensor) -> Tensor:
    """Total variation: how much of the probability lies elsewhere, 0 to 1: (…, k) each → (…)."""
    return (exact - logits.double().softmax(dim=-1)).abs().sum(dim=-1) / 2


class Judge:
    """How well the best arm is foretold, beside the exact posterior, and how a bandit is played with that,
    beside exact Thompson sampling on the same bandits. It never draws from the training's generator."""

    def __init__(self, task: BernoulliBandit, choose: Callable) -> None:
        self.task, self.choose = task, choose
        self.references = references_of(task)
        self.test, _ = evaluation_trials(task)
        self.chances = chances_of(self.test)
        # Contexts as in pretraining, of the test bandits, and what they tell exactly.
        action, reward, _ = pretraining_batch(self.chances, task.pulls, torch.Generator().manual_seed(2306))
        self.tokens = tokens_of(action, reward, task.arms)
        pulled, won = self.tokens[..., :-1], self.tokens[..., -1:]
        belief = 1 + torch.stack([pulled * won, pulled * (1 - won)], dim=-1).cumsum(dim=1)  # (B, n + 1, k, 2)
        self.exact = probability_best(belief)  # (B, n + 1, k)
        # Thompson sampling itself, several times, as its returns are what noise there is.
        again = Drawn(self.test.tables, self.test.index.repeat(5))
        player = BanditPlayer(thompson, torch.Generator().manual_seed(9))
        trials = play(task, again, torch.Generator().manual_seed(8), player)
        self.thompson_regret = regret_by_pull(trials, self.chances.repeat(5, 1))  # (n,)
        self.known = dict(
            exact_thompson_return=float(trials.returns(task.trial).mean()),
            exact_thompson_regret=float(self.thompson_regret.sum()),
        )

    @torch.no_grad()
    def snapshot(self, network, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task = self.task
        logits, _, _ = network(self.tokens)
        kl = divergence(self.exact, logits).mean(dim=0)  # (n + 1,)
        apart = variation(self.exact, logits).mean(dim=0)  # (n + 1,)
        metrics = metrics | self.known | dict(kl=float(kl.mean()), total_variation=float(apart.mean()))
        for length in sorted({0, task.pulls // 10, task.pulls // 2, task.pulls}):
            metrics[f"kl_after_{length}"] = float(kl[length])
            metrics[f"variation_after_{length}"] = float(apart[length])

        # Online, as in the paper: each pull is drawn from the prediction.
        sampled, _, logits = play_trials(
            network, task, self.test, torch.Generator().manual_seed(7), self.choose
        )
        exact = probability_best(bandit_belief(sampled, task.arms))
        metrics |= dict(
            thompson_return=float(sampled.returns(task.trial).mean()),
            thompson_regret=float(regret_by_pull(sampled, self.chances).sum()),
            kl_online=float(divergence(exact, logits).mean()),
            variation_online=float(variation(exact, logits).mean()),
        )
        greedy, hidden, _ = play_trials(network, task, self.test, torch.Generator().manual_seed(7), likeliest)
        metrics |= dict(
            test_return=float(greedy.returns(task.trial).mean()),
            greedy_regret=float(regret_by_pull(greedy, self.chances).sum()),
        )
        return Snapshot(
            method="dpt",
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics,
            references=self.references,
            trials=greedy,
            hidden=hidden,
            belief=None,
            checkpoint=checkpoint,
        )
