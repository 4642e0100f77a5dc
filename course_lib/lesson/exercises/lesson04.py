"""The exercises of lesson 04: two intrinsic rewards, a belief's KL, what exploring first is worth, and a silent bug."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.agents.first_explore import worth_of_exploring
from course_lib.agents.varibad import kl_to_previous
from course_lib.bilingual import Bilingual
from course_lib.lesson.exercise import Exercise, WrongAnswer, register
from course_lib.lesson.quiz import Choice, Question, ask

# -- 4.1 what knowing the problem would have helped ---------------------------------------------------------------


def dynamics_bonus(guessed: Tensor, informed: Tensor, symbol: Tensor) -> Tensor:
    """How much better what came next was expected by who knows the problem: (B, T), in nats."""
    came = symbol[:, 1:, None]  # (B, T, 1) what was sensed after each step
    return (informed.gather(-1, came) - guessed.gather(-1, came))[..., 0]


def _bonus_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, steps, symbols in ((1, 1, 2), (2, 3, 4), (3, 6, 3), (4, 5, 8), (5, 9, 5)):
        guessed, informed = (
            (5 * torch.randn(trials, steps, symbols, generator=generator)).log_softmax(-1) for _ in range(2)
        )
        cases.append((guessed, informed, torch.randint(symbols, (trials, steps + 1), generator=generator)))
    return cases


def _bonus_reference(guessed: Tensor, informed: Tensor, symbol: Tensor) -> Tensor:
    rows = []
    for b in range(len(symbol)):
        came = symbol[b, 1:].tolist()
        rows.append([float(informed[b, t, s]) - float(guessed[b, t, s]) for t, s in enumerate(came)])
    return torch.tensor(rows)


def _bonus_by_one_hot(guessed, informed, symbol):
    came = F.one_hot(symbol[:, 1:], guessed.shape[-1])
    return ((informed - guessed) * came).sum(dim=-1)


def _bonus_by_steps(guessed, informed, symbol):
    rows = torch.arange(len(symbol))
    columns = [informed[rows, t, symbol[:, t + 1]] - guessed[rows, t, symbol[:, t + 1]] for t in range(guessed.shape[1])]
    return torch.stack(columns, dim=1)


def _bonus_surprise(guessed, informed, symbol):
    return -guessed.gather(-1, symbol[:, 1:, None])[..., 0]


def _bonus_upside_down(guessed, informed, symbol):
    return -dynamics_bonus(guessed, informed, symbol)


def _bonus_unshifted(guessed, informed, symbol):
    return dynamics_bonus(guessed, informed, symbol.roll(1, dims=1))


def _bonus_of_chances(guessed, informed, symbol):
    return dynamics_bonus(guessed.exp(), informed.exp(), symbol)


def _bonus_expected(guessed, informed, symbol):
    return (informed.exp() * (informed - guessed)).sum(dim=-1)


register(
    Exercise(
        id="4.1",
        title=Bilingual("예측의 차이로 보상합니다", "Paid by a difference of predictions"),
        minutes=8,
        difficulty=2,
        signature="dynamics_bonus(guessed, informed, symbol)",
        reference=_bonus_reference,
        solution=dynamics_bonus,
        why=Bilingual(
            "아무도 예측할 수 없는 잡음은 두 로그 확률에 똑같이 들어 있어서 지워집니다. 남는 것은 문제를 아느냐 모르느냐의 차이뿐입니다.",
            "Noise that nobody can predict is in both log-chances alike and cancels. What is left is the difference that "
            "knowing the problem makes.",
        ),
        hints=(
            Bilingual(
                "`symbol[:, t + 1]`이 걸음 $t$ **다음에** 실제로 관측한 것입니다. 두 예측 신경망은 이 관측에 로그 확률을 얼마나 주었습니까?",
                "`symbol[:, t + 1]` is what was sensed **after** step $t$. Which log-chance did each prediction give to it?",
            ),
            Bilingual(
                "마지막 축에서 `symbol[:, 1:]`의 자리를 골라내십시오. `gather`를 쓰려면 축을 하나 더 붙입니다.",
                "Pick the place `symbol[:, 1:]` along the last axis. For `gather` it needs one more axis.",
            ),
            Bilingual(
                "`came = symbol[:, 1:, None]`, `informed.gather(-1, came) - guessed.gather(-1, came)`, 그리고 마지막 축을 없애십시오.",
                "`came = symbol[:, 1:, None]`, `informed.gather(-1, came) - guessed.gather(-1, came)`, then drop the last axis.",
            ),
        ),
        cases=_bonus_cases,
        wrong=(
            WrongAnswer(
                "surprise",
                _bonus_surprise,
                Bilingual(
                    "이것은 놀라움, 곧 MAME의 자리에 놓은 보상입니다. 예측할 수 없는 잡음도 보상을 받습니다. 문제를 아는 쪽의 예측을 빼야 합니다.",
                    "That is surprise, the reward in MAME's place: noise is paid for as well. Compare with one who knows the problem.",
                ),
            ),
            WrongAnswer(
                "upside down",
                _bonus_upside_down,
                Bilingual(
                    "부호가 반대입니다. 문제를 알아도 도움이 되지 않은 걸음이 보상을 받습니다.",
                    "The sign is wrong: it pays for steps where knowing the problem did not help.",
                ),
            ),
            WrongAnswer(
                "what was sensed before",
                _bonus_unshifted,
                Bilingual(
                    "걸음 **앞**의 관측을 썼습니다. 예측한 것은 그다음에 온 것입니다.",
                    "That is what was sensed **before** the step. Predicted was what came after.",
                ),
            ),
            WrongAnswer(
                "chances, not their logarithms",
                _bonus_of_chances,
                Bilingual(
                    "확률의 차이입니다. 로그를 취해야 걸음의 값을 더했을 때 정보가 됩니다.",
                    "A difference of chances. Only with logarithms do the steps add up to information.",
                ),
            ),
            WrongAnswer(
                "the expectation",
                _bonus_expected,
                Bilingual(
                    "일어날 수 있던 모든 것에 대해 평균했습니다(KL 발산). 여기서는 실제로 일어난 것 하나만 봅니다.",
                    "Averaged over all that could have come (a KL divergence). Asked for is the one thing that came.",
                ),
            ),
        ),
        also_right=(_bonus_by_one_hot, _bonus_by_steps),
    )
)

# -- 4.2 how much a step changes the belief -----------------------------------------------------------------------


def _kl_cases(generator: torch.Generator) -> list[tuple]:
    """A gradient is asked for both: the encoder learns from this. Some beliefs are very sure, some know nothing."""
    return [
        tuple((3 * torch.randn(b, t, z, generator=generator)).requires_grad_() for _ in range(2))
        for b, t, z in ((1, 2, 1), (2, 3, 4), (3, 7, 2), (4, 5, 5), (2, 12, 3))
    ]


def _kl_reference(mean: Tensor, log_variance: Tensor) -> Tensor:
    """By PyTorch's own KL divergence of two Gaussians, belief by belief."""
    normal, rows = torch.distributions.Normal, []
    for means, logs in zip(mean.double(), log_variance.double(), strict=True):
        before, row = normal(torch.zeros_like(means[0]), torch.ones_like(means[0])), []
        for m, s in zip(means, logs, strict=True):
            now = normal(m, (s / 2).exp())
            row.append(torch.distributions.kl_divergence(now, before).sum())
            before = now
        rows.append(torch.stack(row))
    return torch.stack(rows)


def _kl_by_steps(mean, log_variance):
    m, s, rows = torch.zeros_like(mean[:, 0]), torch.zeros_like(mean[:, 0]), []
    for t in range(mean.shape[1]):
        n, r = mean[:, t], log_variance[:, t]
        rows.append((0.5 * (s - r) + ((r.exp() + (n - m) ** 2) / (2 * s.exp())) - 0.5).sum(dim=1))
        m, s = n, r
    return torch.stack(rows, dim=1)


def _kl_by_padding(mean, log_variance):
    before, log_before = F.pad(mean, (0, 0, 1, 0))[:, :-1], F.pad(log_variance, (0, 0, 1, 0))[:, :-1]
    terms = log_before - log_variance - 1 + (log_variance.exp() + (mean - before).pow(2)) / log_before.exp()
    return terms.sum(dim=-1) / 2


def _kl_to_standard(mean, log_variance):
    return 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(-1)


def _kl_turned(mean, log_variance):
    before = torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], dim=1)
    log_before = torch.cat([torch.zeros_like(mean[:, :1]), log_variance[:, :-1]], dim=1)
    ratio = (log_before - log_variance).exp()
    return 0.5 * (ratio + (mean - before) ** 2 * (-log_variance).exp() - 1 - (log_before - log_variance)).sum(-1)


def _kl_first_free(mean, log_variance):
    divergence = kl_to_previous(mean, log_variance)
    return torch.cat([torch.zeros_like(divergence[:, :1]), divergence[:, 1:]], dim=1)


def _kl_as_deviation(mean, log_variance):
    return kl_to_previous(mean, 2 * log_variance)


def _kl_without_half(mean, log_variance):
    return kl_to_previous(mean, log_variance) * 2


def _kl_rolled(mean, log_variance):
    before, log_before = mean.roll(1, dims=1), log_variance.roll(1, dims=1)
    change = log_variance - log_before
    return 0.5 * (change.exp() + (mean - before) ** 2 / log_before.exp() - 1 - change).sum(-1)


def _kl_from_log_one(mean, log_variance):
    before = torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], dim=1)
    log_before = torch.cat([torch.ones_like(mean[:, :1]), log_variance[:, :-1]], dim=1)
    change = log_variance - log_before
    return 0.5 * (change.exp() + (mean - before) ** 2 / log_before.exp() - 1 - change).sum(-1)


def _kl_without_gradient(mean, log_variance):
    return kl_to_previous(mean.detach(), log_variance.detach())


def _kl_to_a_fixed_belief(mean, log_variance):
    first = torch.zeros_like(mean[:, :1])
    before, log_before = (torch.cat([first, one[:, :-1].detach()], dim=1) for one in (mean, log_variance))
    change = log_variance - log_before
    return 0.5 * (change.exp() + (mean - before) ** 2 / log_before.exp() - 1 - change).sum(-1)


def _kl_mean(mean, log_variance):
    return kl_to_previous(mean, log_variance) / mean.shape[-1]


register(
    Exercise(
        id="4.2",
        title=Bilingual("신념이 얼마나 바뀌었습니까", "How much the belief changed"),
        minutes=10,
        difficulty=3,
        signature="kl_to_previous(mean, log_variance)",
        reference=_kl_reference,
        solution=kl_to_previous,
        why=Bilingual(
            "베이즈 갱신에서 오늘의 사후 분포는 내일의 사전 분포입니다. 그래서 VariBAD는 KL을 매번 $\\mathcal N(0, I)$까지 재지 않고 바로 앞의 신념까지 잽니다.",
            "In Bayes' rule today's posterior is tomorrow's prior. So VariBAD measures the KL to the belief one step before, "
            "and not always to $\\mathcal N(0, I)$.",
        ),
        hints=(
            Bilingual(
                "시각 $t$의 사전 분포는 시각 $t-1$의 사후 분포입니다. 첫 시각의 사전 분포는 무엇입니까?",
                "The prior at $t$ is the posterior at $t-1$. What is the prior at the first one?",
            ),
            Bilingual(
                "한 축에서 $\\mathrm{KL} = \\tfrac12\\big(\\tfrac{\\sigma^2}{\\sigma_0^2} + \\tfrac{(m - m_0)^2}{\\sigma_0^2} - 1 - \\log\\tfrac{\\sigma^2}{\\sigma_0^2}\\big)$이고, 0이 붙은 것이 사전 분포입니다.",
                "On one axis $\\mathrm{KL} = \\tfrac12\\big(\\tfrac{\\sigma^2}{\\sigma_0^2} + \\tfrac{(m - m_0)^2}{\\sigma_0^2} - 1 - \\log\\tfrac{\\sigma^2}{\\sigma_0^2}\\big)$, where 0 marks the prior.",
            ),
            Bilingual(
                "`torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], dim=1)`로 한 칸 밀고, 로그 분산도 똑같이 미십시오. 로그 분산 0은 분산 1입니다.",
                "Shift with `torch.cat([torch.zeros_like(mean[:, :1]), mean[:, :-1]], dim=1)`, and the log-variance likewise: 0 means a variance of 1.",
            ),
        ),
        cases=_kl_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "always to the first prior",
                _kl_to_standard,
                Bilingual(
                    "늘 $\\mathcal N(0, I)$까지 쟀습니다. 그러면 알아낸 것을 기억하는 것만으로 걸음마다 벌을 받습니다.",
                    "Measured to $\\mathcal N(0, I)$ at every step. Then merely remembering what was found out is punished each time.",
                ),
            ),
            WrongAnswer(
                "the two exchanged",
                _kl_turned,
                Bilingual(
                    "두 분포가 뒤바뀌었습니다. KL은 대칭이 아닙니다. 지금의 신념이 앞에 옵니다.",
                    "The two distributions are exchanged. KL is not symmetric: the present belief comes first.",
                ),
            ),
            WrongAnswer(
                "the first belief for free",
                _kl_first_free,
                Bilingual(
                    "첫 신념의 값이 빠졌습니다. 그 앞에는 $\\mathcal N(0, I)$가 있습니다.",
                    "The first belief costs nothing here. Before it stands $\\mathcal N(0, I)$.",
                ),
            ),
            WrongAnswer(
                "logarithm of the deviation",
                _kl_as_deviation,
                Bilingual(
                    "`log_variance`를 표준편차의 로그로 읽었습니다. $\\log\\sigma^2$입니다.",
                    "`log_variance` is read as the logarithm of the standard deviation. It is $\\log\\sigma^2$.",
                ),
            ),
            WrongAnswer(
                "mean over the axes",
                _kl_mean,
                Bilingual(
                    "$z$의 축에 대해 평균했습니다. 독립인 축들의 KL은 더합니다.",
                    "A mean over the axes of $z$. The KL of independent axes adds up.",
                ),
            ),
            WrongAnswer(
                "without the half",
                _kl_without_half,
                Bilingual("앞의 $\\tfrac12$이 빠졌습니다.", "The $\\tfrac12$ in front is missing."),
            ),
            WrongAnswer(
                "the last belief before the first",
                _kl_rolled,
                Bilingual(
                    "`roll`은 마지막 신념을 첫 자리로 돌려보냅니다. 첫 신념 앞에는 $\\mathcal N(0, I)$를 두십시오.",
                    "`roll` brings the last belief to the front. Before the first one put $\\mathcal N(0, I)$.",
                ),
            ),
            WrongAnswer(
                "a first log-variance of 1",
                _kl_from_log_one,
                Bilingual(
                    "첫 사전 분포의 **로그** 분산을 1로 두었습니다. 분산이 1이면 로그 분산은 0입니다.",
                    "The first prior's **log**-variance is 1 here. A variance of 1 has a log-variance of 0.",
                ),
            ),
            WrongAnswer(
                "the belief before is cut off",
                _kl_to_a_fixed_belief,
                Bilingual(
                    "숫자는 맞지만 앞의 신념에서 그래디언트를 끊었습니다(`detach`). VariBAD의 KL은 두 신념 모두로 그래디언트를 보냅니다.",
                    "The numbers are right, but the belief before is cut off (`detach`). VariBAD's KL sends a gradient into both "
                    "beliefs.",
                ),
            ),
            WrongAnswer(
                "no gradient reaches the encoder",
                _kl_without_gradient,
                Bilingual(
                    "숫자는 맞지만 그래디언트가 흐르지 않습니다. 인코더는 이 항에서 아무것도 배우지 못합니다. `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
                    "The numbers are right, but no gradient flows: the encoder can't learn from this term. Look for `detach`, `no_grad` or `.item()`.",
                ),
            ),
        ),
        also_right=(_kl_by_steps, _kl_by_padding),
    )
)

# -- 4.3 what exploring first is worth ----------------------------------------------------------------------------


def _worth_cases(generator: torch.Generator) -> list[tuple]:
    return [
        (
            torch.randn(problems, longest, generator=generator),
            1 + torch.randn(problems, longest, generator=generator).cumsum(dim=1),
            longest + more,
        )
        for problems, longest, more in ((1, 1, 1), (2, 3, 2), (4, 5, 0), (8, 10, 7), (3, 7, 40))
    ]


def _worth_reference(explored: Tensor, exploited: Tensor, episodes: int) -> Tensor:
    worth = []
    for k in range(explored.shape[1]):
        each = [
            sum(gave[:k]) + (episodes - k) * then[k]
            for gave, then in zip(explored.tolist(), exploited.tolist(), strict=True)
        ]
        worth.append(sum(each) / len(each))
    return torch.tensor(worth)


def _worth_by_loop(explored, exploited, episodes):
    return torch.stack(
        [explored[:, :k].sum(dim=1).mean() + (episodes - k) * exploited[:, k].mean() for k in range(explored.shape[1])]
    )


def _worth_by_means(explored, exploited, episodes):
    gave, then = explored.double().mean(dim=0), exploited.double().mean(dim=0)
    k = torch.arange(len(then))
    return gave.cumsum(dim=0) - gave + (episodes - k) * then


def _worth_last_counted(explored, exploited, episodes):
    left = episodes - torch.arange(explored.shape[1])
    return (explored.cumsum(dim=1) + left * exploited).mean(dim=0)


def _worth_for_free(explored, exploited, episodes):
    return ((episodes - torch.arange(explored.shape[1])) * exploited).mean(dim=0)


def _worth_all_episodes(explored, exploited, episodes):
    given = torch.cat([torch.zeros_like(explored[:, :1]), explored[:, :-1].cumsum(dim=1)], dim=1)
    return (given + episodes * exploited).mean(dim=0)


def _worth_of_an_episode(explored, exploited, episodes):
    return worth_of_exploring(explored, exploited, episodes) / episodes


def _worth_of_what_is_listed(explored, exploited, episodes):
    return worth_of_exploring(explored, exploited, explored.shape[1])


def _worth_one_episode_lost(explored, exploited, episodes):
    return worth_of_exploring(explored, exploited, episodes - 1)


def _worth_once(explored, exploited, episodes):
    given = torch.cat([torch.zeros_like(explored[:, :1]), explored[:, :-1].cumsum(dim=1)], dim=1)
    return (given + exploited).mean(dim=0)


register(
    Exercise(
        id="4.3",
        title=Bilingual("먼저 탐험하면 얼마를 법니까", "What exploring first is worth"),
        minutes=8,
        difficulty=2,
        signature="worth_of_exploring(explored, exploited, episodes)",
        reference=_worth_reference,
        solution=worth_of_exploring,
        why=Bilingual(
            "처음 $k$번은 탐험의 리턴을 받고, 남은 $K-k$번은 그때까지 알아낸 것으로 활용한 리턴을 받습니다. 오래 탐험할수록 활용은 좋아지지만 남은 횟수가 줄어듭니다.",
            "The first $k$ episodes return what exploring does, and the $K-k$ left what exploiting with all found so far does. "
            "The longer the exploration, the better the exploitation, and the fewer episodes are left for it.",
        ),
        hints=(
            Bilingual(
                "$k = 0$이면 탐험하지 않고 $K$번 모두 활용합니다. 그때의 값은 얼마입니까?",
                "With $k = 0$ nothing is explored and all $K$ episodes exploit. What is that worth?",
            ),
            Bilingual(
                "`exploited[:, k]`는 **앞의** $k$번을 탐험한 다음 활용한 리턴입니다. 탐험의 리턴도 $k$번만 더합니다.",
                "`exploited[:, k]` is the return of exploiting after the $k$ episodes **before**. Of exploring, too, only $k$ are added.",
            ),
            Bilingual(
                "`explored`를 누적합하되 한 칸 밀어 0에서 시작하고, `episodes - torch.arange(L)`을 `exploited`에 곱해 더한 뒤 문제에 대해 평균하십시오.",
                "Take the cumulative sum of `explored`, shifted to begin at 0, add `episodes - torch.arange(L)` times `exploited`, and average over problems.",
            ),
        ),
        cases=_worth_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "one exploration too many",
                _worth_last_counted,
                Bilingual(
                    "탐험의 리턴을 $k+1$번 더했습니다. $k = 0$이면 탐험한 것이 없어야 합니다.",
                    "The return of exploring is added $k+1$ times. With $k = 0$ nothing was explored.",
                ),
            ),
            WrongAnswer(
                "exploring for free",
                _worth_for_free,
                Bilingual(
                    "탐험하는 동안 받은 것(또는 치른 것)이 빠졌습니다. 비싼 탐험이 공짜로 보입니다.",
                    "What exploring returned (or cost) is left out: dear exploration looks free.",
                ),
            ),
            WrongAnswer(
                "all episodes exploited",
                _worth_all_episodes,
                Bilingual(
                    "활용을 $K$번 모두 셌습니다. 탐험한 $k$번은 빼야 합니다.",
                    "Exploitation is counted $K$ times. The $k$ that explored are gone.",
                ),
            ),
            WrongAnswer(
                "exploited once",
                _worth_once,
                Bilingual(
                    "활용을 한 번만 셌습니다. 남은 $K-k$번 모두 활용합니다.",
                    "Exploitation is counted once. All $K-k$ that are left exploit.",
                ),
            ),
            WrongAnswer(
                "the return of an episode",
                _worth_of_an_episode,
                Bilingual(
                    "에피소드 수 $K$로 나누었습니다. 트라이얼 전체의 리턴, 곧 에피소드의 **합**을 구합니다. 평균은 문제에 대해서만 냅니다.",
                    "Divided by the number of episodes, $K$. Asked for is the return of the whole trial, a **sum** over episodes; only problems are averaged.",
                ),
            ),
            WrongAnswer(
                "L in the place of K",
                _worth_of_what_is_listed,
                Bilingual(
                    "남은 횟수를 $L - k$로 셌습니다. $L$은 재어 본 $k$의 개수이고, 트라이얼의 에피소드는 `episodes`, 곧 $K$개입니다.",
                    "What is left is counted as $L - k$. $L$ is how many $k$ were measured; a trial has `episodes` $= K$.",
                ),
            ),
            WrongAnswer(
                "one episode lost",
                _worth_one_episode_lost,
                Bilingual(
                    "에피소드 하나가 사라졌습니다. $k$번 탐험하면 $K - k - 1$번이 아니라 $K - k$번이 남습니다.",
                    "One episode is lost: after $k$ explorations $K - k$ are left, not $K - k - 1$.",
                ),
            ),
        ),
        also_right=(_worth_by_loop, _worth_by_means),
    )
)

# -- 4.4 a silent bug ---------------------------------------------------------------------------------------------


def strangers_habit(chances: Tensor, share: Tensor, arm: Tensor, weight: Tensor) -> Tensor:
    """How often the one who collects the data pulls each arm: (B, k), rows sum to 1."""
    favourite = F.one_hot(chances.argmax(dim=1), chances.shape[1])  # (B, k)
    return (1 - weight) * share + weight * favourite


def mended_habit(chances: Tensor, share: Tensor, arm: Tensor, weight: Tensor) -> Tensor:
    """How often the one who collects the data pulls each arm, knowing nothing of the bandit: (B, k)."""
    favourite = F.one_hot(arm, share.shape[1])  # (B, k)
    return (1 - weight) * share + weight * favourite


def _habit_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for bandits, arms in ((2, 2), (3, 5), (8, 3), (16, 5), (6, 10)):
        share = torch.rand(bandits, arms, generator=generator) + 0.05
        drawn = arms - 1 if arms == 5 else arms  # the last arm may not come up: one_hot(arm) is too narrow then
        cases.append(
            (
                torch.rand(bandits, arms, generator=generator),
                share / share.sum(dim=1, keepdim=True),
                torch.randint(drawn, (bandits,), generator=generator),
                (1 + torch.randint(10, (bandits, 1), generator=generator)) / 10,
            )
        )
    return cases


def _habit_reference(chances: Tensor, share: Tensor, arm: Tensor, weight: Tensor) -> Tensor:
    return torch.tensor(
        [
            [(1 - w[0]) * s + (w[0] if k == a else 0.0) for k, s in enumerate(shares)]
            for shares, a, w in zip(share.tolist(), arm.tolist(), weight.tolist(), strict=True)
        ]
    )


def _habit_by_index(chances, share, arm, weight):
    result = (1 - weight) * share
    result[torch.arange(len(arm)), arm] += weight[:, 0]
    return result


def _habit_by_lerp(chances, share, arm, weight):
    return torch.lerp(share, torch.eye(share.shape[1])[arm], weight)


def _habit_worst(chances, share, arm, weight):
    return strangers_habit(-chances, share, arm, weight)


def _habit_of_shares(chances, share, arm, weight):
    return strangers_habit(share, share, arm, weight)


def _habit_of_shares_alone(chances, share, arm, weight):
    return share


def _habit_uniform(chances, share, arm, weight):
    return torch.full_like(share, 1 / share.shape[1])


def _habit_turned(chances, share, arm, weight):
    return mended_habit(chances, share, arm, 1 - weight)


def _habit_soft(chances, share, arm, weight):
    return (1 - weight) * share + weight * chances / chances.sum(dim=1, keepdim=True)


register(
    Exercise(
        id="4.4",
        title=Bilingual("조용한 버그", "A silent bug"),
        minutes=10,
        difficulty=4,
        signature="mended_habit(chances, share, arm, weight)",
        reference=_habit_reference,
        solution=mended_habit,
        why=Bilingual(
            "모으는 사람이 답을 알면 **어느 팔을 당겼는지**만으로 답이 새어 나옵니다. 신경망은 보상 대신 남의 선택을 읽는 법을 배우고 손실은 작아집니다. "
            "메타 테스트에서는 그 선택을 자기가 하므로 아무것도 새어 나오지 않습니다.",
            "If the collector knows the answer, **which arm was pulled** alone gives it away. The network learns to read somebody's "
            "choices instead of the rewards, and the loss gets smaller. At meta-test it makes the choices itself, and they tell nothing.",
        ),
        hints=(
            Bilingual(
                "손실은 더 작은데 정확한 사후 분포에서는 더 멉니다. 컨텍스트에서 **보상 말고** 무엇이 답을 알려 줍니까?",
                "The loss is smaller, yet it is farther from the exact posterior. What in a context, **other than rewards**, tells the answer?",
            ),
            Bilingual(
                "습관을 만들 때 밴딧에 대해 알아야 합니까? `chances`를 쓰는 곳을 보십시오.",
                "Does a habit need to know anything of the bandit? Look where `chances` is used.",
            ),
            Bilingual(
                "좋아하는 팔을 `chances.argmax(dim=1)` 대신 밴딧과 관계없이 뽑은 `arm`으로 하십시오.",
                "Let the favourite be `arm`, drawn without regard to the bandit, in place of `chances.argmax(dim=1)`.",
            ),
        ),
        cases=_habit_cases,
        wrong=(
            WrongAnswer(
                "the collector knows the best arm",
                strangers_habit,
                Bilingual(
                    "낯선 이의 코드와 똑같이 동작합니다. 좋아하는 팔이 정답입니다.",
                    "This does just what the stranger's code does: the favourite arm is the answer.",
                ),
            ),
            WrongAnswer(
                "the collector knows the worst arm",
                _habit_worst,
                Bilingual(
                    "가장 나쁜 팔을 좋아해도 새어 나오기는 마찬가지입니다. 습관은 `chances`를 보면 안 됩니다.",
                    "Favouring the worst arm gives as much away. A habit must not look at `chances` at all.",
                ),
            ),
            WrongAnswer(
                "the collector knows the chances",
                _habit_soft,
                Bilingual(
                    "확률에 비례해 당기는 것도 답을 새게 합니다. 부드럽게 새어 나올 뿐입니다.",
                    "Pulling in proportion to the chances gives the answer away too, only more softly.",
                ),
            ),
            WrongAnswer(
                "the largest share",
                _habit_of_shares,
                Bilingual(
                    "밴딧은 보지 않지만 `arm`도 쓰지 않습니다. 좋아하는 팔은 `share`와 따로 뽑은 것이어야 합니다.",
                    "It does not look at the bandit, but leaves `arm` unused: the favourite is drawn apart from `share`.",
                ),
            ),
            WrongAnswer(
                "shares alone",
                _habit_of_shares_alone,
                Bilingual(
                    "아무것도 새지 않지만 `arm`과 `weight`를 쓰지 않았습니다. 한 팔에 쏠리는 습관도 있어야 온갖 컨텍스트를 읽는 법을 배웁니다.",
                    "Nothing leaks, but `arm` and `weight` are unused: only with habits that favour an arm does it learn to read all sorts of contexts.",
                ),
            ),
            WrongAnswer(
                "every arm alike",
                _habit_uniform,
                Bilingual(
                    "아무것도 새지 않지만 `share`, `arm`, `weight`를 쓰지 않았습니다. 모두가 같은 습관이면 신경망은 다른 컨텍스트를 읽지 못합니다.",
                    "Nothing leaks, but `share`, `arm` and `weight` are unused: if all habits are one, the network can't read other contexts.",
                ),
            ),
            WrongAnswer(
                "weights exchanged",
                _habit_turned,
                Bilingual(
                    "`weight`와 `1 - weight`가 뒤바뀌었습니다.",
                    "`weight` and `1 - weight` are exchanged.",
                ),
            ),
        ),
        also_right=(_habit_by_index, _habit_by_lerp),
    )
)

# -- the quiz -----------------------------------------------------------------------------------------------------

ask(
    Question(
        id="4.a",
        text=Bilingual(
            "놀라움만큼 보상을 받는 탐험자가 잡음이 나오는 화면 앞에 머무는 까닭은 무엇입니까?",
            "Why does an explorer that is paid for surprise stay in front of a screen of noise?",
        ),
        choices=(
            Choice(
                Bilingual("화면이 문제에 대해 많이 알려 주어서", "because the screen tells much about the problem"),
                Bilingual(
                    "화면은 문제와 아무 관계가 없습니다. 알아낸 정보는 0 nat입니다.",
                    "The screen has nothing to do with the problem: 0 nats are found out.",
                ),
            ),
            Choice(
                Bilingual("잡음은 배워도 예측할 수 없어서", "because noise stays unpredictable however much is learned"),
                Bilingual(
                    "다음 관측의 엔트로피에는 문제에 대한 정보와 잡음이 더해져 있고, 잡음은 줄어들지 않습니다.",
                    "The entropy of what comes next is information about the problem plus noise, and noise never shrinks.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("예측 신경망이 너무 작아서", "because the predictor is too small"),
                Bilingual(
                    "아무리 큰 신경망도 동전 던지기를 예측하지 못합니다.",
                    "No network, however large, predicts a coin's toss.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="4.b",
        text=Bilingual(
            "DPT에는 최적의 팔을 맞히는 지도 학습만 시켰는데도 탐험이 나타나는 까닭은 무엇입니까?",
            "DPT is only taught to name the best arm. Why does it explore?",
        ),
        choices=(
            Choice(
                Bilingual("가장 잘 맞히는 예측이 사후 분포라서", "because the best prediction is the posterior"),
                Bilingual(
                    "모르는 동안에는 사후 분포가 넓고, 거기서 뽑으면 여러 팔을 당깁니다. 그것이 톰슨 샘플링입니다.",
                    "While little is known the posterior is wide, and sampling from it tries many arms: Thompson sampling.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("보상에 탐험 항이 있어서", "because there is a term for exploring in the reward"),
                Bilingual(
                    "보상은 읽는 자료일 뿐, 목적 함수에는 없습니다. 배우는 것은 교차 엔트로피 하나뿐입니다.",
                    "Rewards are only read, as data; none stands in the objective, which is a cross-entropy.",
                ),
            ),
            Choice(
                Bilingual("데이터를 전문가가 모아서", "because experts collected the data"),
                Bilingual(
                    "데이터는 아무것도 모르는 사람이 모았습니다. 아는 사람이 모으면 오히려 망가집니다(4.4).",
                    "Somebody who knows nothing collected it. Data of one who knows spoils it (4.4).",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="4.c",
        text=Bilingual(
            "메타 테스트에서 문제의 번호를 알려 주어야 하는 방법은 무엇입니까?",
            "Which method has to be told the number of the problem at meta-test?",
        ),
        choices=(
            Choice(
                Bilingual("DREAM", "DREAM"),
                Bilingual(
                    "번호는 메타 학습에서 인코더만 봅니다. 메타 테스트에서는 디코더가 추측합니다.",
                    "Only the encoder sees it, in meta-training. At meta-test the decoder guesses.",
                ),
            ),
            Choice(
                Bilingual("태스크 추론", "task inference"),
                Bilingual(
                    "번호는 신념을 가르칠 때만 쓰입니다. 실행할 때는 신념이 대신합니다.",
                    "The number only teaches the belief. Later the belief stands in for it.",
                ),
            ),
            Choice(
                Bilingual("그런 방법은 없습니다", "none of them"),
                Bilingual(
                    "문제의 번호 같은 특권 정보(privileged information)는 메타 학습에서만 씁니다. 그래서 새 문제에도 쓸 수 있습니다.",
                    "Privileged information, such as the number, is for meta-training only. That is why they work in new problems.",
                ),
                right=True,
            ),
        ),
    )
)
