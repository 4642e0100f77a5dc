"""Task inference: the belief about the problem is learned by naming the problem, which training knows.

Paper: Humplik, Galashov, Hasenclever, Ortega, Teh, Heess (2019), "Meta reinforcement learning as task
inference". As in VariBAD a recurrent network turns the history into a belief, and a policy acts on the
belief and what is sensed. But the belief is learned with *privileged information*: at training time it is
known which problem is being played, and the network learns to say which, after every step. At meta-test
nobody tells, and nobody needs to. The policy's loss does not reach the belief. (The authors' code was not found;
VariBAD's have a version that differs slightly, they say: ``compute_task_reconstruction_loss`` of their ``vae.py``.)

Where the problems can be counted, the belief is a softmax over all of them. Of a bandit the privileged
information is the chance of each arm, and the belief is a Beta distribution for each. The loss is smallest
when the belief is the exact posterior, so its distance from that is measured directly.

``informed=True`` is another use of the same information, IMPORT: Kamienny, Pirotta, Lazaric, Lavril,
Usunier, Denoyer (2020), "Learning Adaptive Exploration Strategies in Dynamic Environments Through Informed
Policy Regularization". There an *informed* policy reads an embedding of the problem, which the reward alone
shapes, and the recurrent policy, which shares its weights, is to read the same embedding off the history.
So it learns what the informed policy needs, and not which problem it is. In half of the trials the one
acts, in half the other.

Departures: PPO, hundreds of trials at once, as in ``varibad``; the policy reads the belief itself instead
of a layer of the network below it, which keeps the belief in sight; no information bottleneck on the
belief; in IMPORT the problem is given by its number.

The functions that the lesson teaches, ``inference_loss`` and ``belief_input``, are arguments of ``train``:
a learner's own can be trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.agents.evaluation import evaluation_trials, what_is_known
from course_lib.agents.resuming import Progress, require_finite
from course_lib.agents.rl2 import mean_where
from course_lib.agents.snapshot import Snapshot
from course_lib.agents.varibad import (
    BeliefPolicy, Encoder, belief_distance, improve_policy, play_trials, trial_inputs,
)  # fmt: skip
from course_lib.bilingual import Bilingual, CourseError
from course_lib.exact.bandits import bandit_belief
from course_lib.exact.references import references_of
from course_lib.tasks import BernoulliBandit, Drawn, TableFamily, Trials


@dataclass(frozen=True)
class Settings:
    """Every knob of the training, with what it does."""

    updates: int = 200  # the training ends after so many
    trials: int = 256  # B, trials played for one update
    hidden: int = 64  # H, size of the encoder's GRU
    encoder_steps: int = 4  # gradient steps of the encoder an update
    encoder_trials: int = 64  # trials in each of them
    encoder_rate: float = 1e-2  # Adam; falls linearly to a tenth over the training
    informed: bool = False  # IMPORT: the belief is to be an informed policy's embedding of the problem
    embedding: int = 16  # its size
    policy_hidden: int = 64  # size of the policy's two hidden layers
    epochs: int = 4  # passes of PPO over the trials
    minibatches: int = 4  # gradient steps a pass
    policy_rate: float = 2e-3  # Adam; falls linearly to a twentieth over the training
    discount: float = 0.97  # γ, per step of the trial
    trace: float = 0.95  # λ of the generalised advantage estimate
    clip: float = 0.2  # ε of PPO
    entropy: float = 0.15  # weight of the entropy bonus; falls to zero as the square of what is left of the training
    value_weight: float = 0.5  # weight of the value loss
    gradient_norm: float = 0.5  # the policy's gradients are clipped to this norm
    reward_centre: float = 0.0  # rewards enter PPO's losses as (r − centre) · scale
    reward_scale: float = 0.2
    evaluate_every: int = 5  # updates between two snapshots


# What differs from task to task. Chosen on training problems, over seeds other than those reported.
SETTINGS = {
    "gridnavi": Settings(updates=300, minibatches=8),
    "map": Settings(),
    "homework-map": Settings(),
    "bandit": Settings(updates=100, trials=512, trace=0.3, reward_centre=0.5, entropy=0.02),
}


# -- the two functions that the lesson teaches ------------------------------------------------------------------


def inference_loss(logits: Tensor, problem: Tensor, valid: Tensor) -> Tensor:
    """−log q(μ | τ_:t), the surprise at being told the problem, averaged over all prefixes.

    Its mean over problems and histories is smallest where q is the exact posterior p(μ | τ_:t).

    Args:
        logits: (B, T, M) of each prefix.
        problem: (B,) int64, which problem it was: privileged information, known in training alone.
        valid: (B, T) bool, the prefixes that count.
    """
    log_belief = logits.log_softmax(-1)  # (B, T, M)
    told = log_belief.gather(-1, problem[:, None, None].expand(-1, logits.shape[1], 1))[..., 0]  # (B, T)
    return -(told * valid).sum() / valid.sum()


def belief_input(logits: Tensor, sensed: Tensor) -> Tensor:
    """What the policy reads: the belief, without a way back for its gradient, and what is sensed.

    Each chance is read relative to the largest: of 21 goals or of 3 that are possible, each reads 1, the others 0.

    Args:
        logits: (…, M) of the belief over problems.
        sensed: (…, F).
    Returns:
        (…, M + F).
    """
    relative = (logits.detach() - logits.detach().amax(dim=-1, keepdim=True)).exp()
    return torch.cat([relative, sensed], dim=-1)


# -- the same where problems can't be counted -------------------------------------------------------------------


def chance_loss(log_counts: Tensor, chances: Tensor, valid: Tensor) -> Tensor:
    """``inference_loss`` of a bandit: −log q(p_1 … p_k | τ_:t), q a Beta distribution for each arm.

    Args:
        log_counts: (B, T, 2 k) logarithms of α and β of each arm.
        chances: (B, k) with which each arm pays: privileged information.
        valid: (B, T) bool.
    """
    alpha, beta = log_counts.clamp(-3, 7).exp().unflatten(-1, (-1, 2)).unbind(-1)  # (B, T, k) each
    p = chances.clamp(1e-4, 1 - 1e-4)[:, None]
    log_norm = torch.lgamma(alpha + beta) - torch.lgamma(alpha) - torch.lgamma(beta)
    told = ((alpha - 1) * p.log() + (beta - 1) * (-p).log1p() + log_norm).sum(-1)  # (B, T)
    return -(told * valid).sum() / valid.sum()


def chance_input(log_counts: Tensor, sensed: Tensor) -> Tensor:
    """``belief_input`` of a bandit: the logarithms of α and β are read as they are."""
    return torch.cat([log_counts.detach(), sensed], dim=-1)


def embedding_loss(embedding: Tensor, informed: Tensor, valid: Tensor) -> Tensor:
    """What IMPORT asks of the history's embedding (B, T, E): to be that of the informed policy (B, E)."""
    distance = ((embedding - informed.detach()[:, None]) ** 2).sum(-1)  # (B, T)
    return (distance * valid).sum() / valid.sum()


def embedding_input(embedding: Tensor, sensed: Tensor) -> Tensor:
    """``belief_input`` of IMPORT, where the policy's loss does reach what it reads."""
    return torch.cat([embedding, sensed], dim=-1)


# -- the networks -----------------------------------------------------------------------------------------------


class Networks(nn.Module):
    """The belief and the policy; of IMPORT the informed policy's embedding of each problem as well."""

    def __init__(self, task: TableFamily, settings: Settings, generator: torch.Generator) -> None:
        super().__init__()
        actions = len(task.actions)
        numbers = 2 * actions if task.problem_count is None else task.problem_count  # E
        if settings.informed:
            numbers = settings.embedding
            draws = torch.randn(task.problem_count, numbers, generator=generator, device=generator.device)
            self.embedding = nn.Embedding.from_pretrained(draws, freeze=False)
        self.encoder = Encoder(task.sensed_size + actions + 1, settings.hidden, numbers, generator)
        read = numbers + task.sensed_size
        self.policy = BeliefPolicy(read, settings.policy_hidden, actions, task.trial.length, generator)


# -- training ---------------------------------------------------------------------------------------------------


def train(
    task: TableFamily,
    settings: Settings,
    generator: torch.Generator,
    resume: dict | None = None,
    *,
    inference: Callable | None = None,
    make_input: Callable | None = None,
) -> Iterator[Snapshot]:
    """Train task inference, or IMPORT, and yield a snapshot before the first update and after every few.

    Args:
        generator: every random draw of the training comes from here.
        resume: what ``snapshot.checkpoint()`` gave; goes on to the same numbers.
        inference, make_input: the functions that the lesson teaches; None for those of this file.
    Raises:
        CourseError: the task has no problems to name, or the loss is no longer a number.
    """
    bandit = isinstance(task, BernoulliBandit)
    named = isinstance(task, TableFamily) and task.problem_count is not None
    if not named and (not bandit or settings.informed):
        raise CourseError(
            Bilingual(
                f"{task.name}은(는) 번호를 매긴 유한한 문제들이 표로 주어진 태스크가 아니어서 그 문제를 추론하게 할 수 없습니다. gridnavi나 map을 써 "
                "보십시오.",
                f"{task.name} is not made of tables of finitely many problems, each with its number, so inference can't learn. "
                "Try gridnavi or map.",
            )
        )
    kind = "arms" if bandit else "embedding" if settings.informed else "problems"
    losses_of = dict(arms=chance_loss, embedding=embedding_loss, problems=inference_loss)
    inputs_of = dict(arms=chance_input, embedding=embedding_input, problems=belief_input)
    inference, read = inference or losses_of[kind], make_input or inputs_of[kind]

    networks = Networks(task, settings, generator).to(generator.device)
    encoder_optimizer = torch.optim.Adam(networks.encoder.parameters(), lr=settings.encoder_rate, fused=True)
    changed = networks.parameters() if settings.informed else networks.policy.parameters()
    policy_optimizer = torch.optim.Adam(changed, lr=settings.policy_rate, eps=1e-5, fused=True)
    judge = Judge(task, kind, read)
    parts = dict(networks=networks, encoder_optimizer=encoder_optimizer, policy_optimizer=policy_optimizer)
    progress = Progress("task-inference", task, settings, generator, resume, **parts)
    if resume is None:
        yield judge.snapshot(networks, *progress.told())
    while progress.update < settings.updates:
        with progress.timed():
            left = 1 - progress.update / settings.updates
            encoder_optimizer.param_groups[0]["lr"] = settings.encoder_rate * max(0.1, left)
            policy_optimizer.param_groups[0]["lr"] = settings.policy_rate * max(0.05, left)

            # Play with the belief as it is, and improve the policy by what that paid.
            drawn = task.draw(settings.trials, generator, "train")
            told = torch.arange(settings.trials, device=generator.device)[:, None] % 2 == 0  # (B, 1) of IMPORT
            change = None
            if settings.informed:
                change = lambda belief: torch.where(told, networks.embedding(drawn.index), belief)  # noqa: E731
            trials, _, inputs, logits = play_trials(
                networks.encoder, networks.policy, task, drawn, generator, read, greedy=False, change=change
            )
            history = trial_inputs(task, drawn, trials)  # (B, T, ·)
            if settings.informed:  # the gradient goes on into whichever embedding was read
                sensed = task.sensed(drawn, trials.symbol, trials.instruction)

                def inputs(part: Tensor) -> Tensor:
                    known = networks.embedding(drawn.index[part])[:, None]
                    return read(torch.where(told[part, None], known, networks.encoder(history[part])), sensed[part])

            losses = improve_policy(
                networks.policy, policy_optimizer, task, trials, inputs, logits, settings, left, generator
            )

            # Improve the belief, being told which problem it was.
            for _ in range(settings.encoder_steps):
                part = torch.randperm(settings.trials, generator=generator, device=generator.device)
                part = part[: settings.encoder_trials]
                truth = privileged(networks, drawn, kind)[part]
                loss = inference(networks.encoder(history[part]), truth, trials.valid[part])
                encoder_optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(networks.encoder.parameters(), 10 * settings.gradient_norm)
                encoder_optimizer.step()
            losses["inference_loss"] = loss.item()
            require_finite(progress.update, torch.tensor([*losses.values()]), halve=["encoder_rate", "policy_rate"])
            progress.count(updates=1, env_steps=int(trials.valid.sum()))
        progress.metrics = dict(train_return=float(trials.returns(task.trial).mean()), **losses)
        if progress.due():
            yield judge.snapshot(networks, *progress.told())


def privileged(networks: Networks, drawn: Drawn, kind: str) -> Tensor:
    """What training is told of the problems: their numbers (B,), the arms' chances (B, k), or embeddings (B, E)."""
    if kind == "arms":
        return drawn.tables.reward[drawn.index, 0, 0]
    return networks.embedding(drawn.index) if kind == "embedding" else drawn.index


# -- judging ----------------------------------------------------------------------------------------------------


class Judge:
    """Exact references of a task, and how a policy and its belief fare beside them."""

    def __init__(self, task: TableFamily, kind: str, read: Callable) -> None:
        self.task, self.kind, self.read = task, kind, read
        self.references = references_of(task)
        self.test, self.asked = evaluation_trials(task)

    def beside_exact(self, trials: Trials, belief: Tensor, exact: Tensor | None) -> dict[str, float]:
        """How far the belief is from the exact one; of an arm, how far the mean of its chance is."""
        if self.kind == "arms":
            counts = bandit_belief(trials, len(self.task.actions))  # (B, T, k, 2)
            mine = belief.exp().unflatten(-1, (-1, 2))
            error = (mine[..., 0] / mine.sum(-1) - counts[..., 0] / counts.sum(-1)).abs().mean(-1)
            return dict(belief_error=float(mean_where(error, trials.valid)))
        if self.kind == "embedding" or exact is None:
            return {}
        return belief_distance(belief.softmax(-1), exact, trials.valid, trials.episode)

    @torch.no_grad()
    def snapshot(self, networks, update, env_steps, seconds, metrics, checkpoint) -> Snapshot:
        task, generator = self.task, torch.Generator(self.test.index.device).manual_seed(7)
        trials, belief, _, _ = play_trials(
            networks.encoder, networks.policy, task, self.test, generator, self.read,
            greedy=True, instruction=self.asked,
        )  # fmt: skip
        exact, known = what_is_known(task, trials)
        metrics = metrics | known | dict(test_return=float(trials.returns(task.trial).mean()))
        return Snapshot(
            method="task-inference",
            task=task.name,
            update=update,
            env_steps=env_steps,
            seconds=seconds,
            metrics=metrics | self.beside_exact(trials, belief, exact),
            references=self.references,
            trials=trials,
            hidden=belief.softmax(-1) if self.kind == "problems" else belief,
            belief=exact,
            learned_belief=belief.softmax(-1) if self.kind == "problems" else None,
            checkpoint=checkpoint,
        )
