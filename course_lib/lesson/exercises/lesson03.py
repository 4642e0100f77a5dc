"""The exercises of lesson 03: the bound, the pay of a step, what trains decoder and encoder, and a silent bug."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.agents import dream
from course_lib.agents.dream import bottleneck, information_gain
from course_lib.bilingual import Bilingual
from course_lib.lesson.exercise import Exercise, WrongAnswer, register
from course_lib.lesson.quiz import Choice, Question, ask

# What goes wrong wherever a log-probability of z is written: the exercises 3.2, 3.3 and 3.4.
MEAN_OF_CODE = Bilingual(
    "$z$의 축에 대해 평균했습니다. 로그 확률은 축마다의 값을 **더한** 것입니다.",
    "A mean over the axes of $z$. A log-probability **adds up** those of the axes.",
)


def wrongly_divided(without_half: Callable, times_noise: Callable, by_noise_once: Callable) -> tuple[WrongAnswer, ...]:
    """Three ways not to divide by 2ρ²."""
    return (
        WrongAnswer(
            "without the half",
            without_half,
            Bilingual(
                "2로 나누지 않았습니다. 가우시안의 로그 확률에서 제곱 거리는 $\\rho^2$이 아니라 $2\\rho^2$으로 나눕니다.",
                "The 2 is missing: a Gaussian's log-probability divides the squared distance by $2\\rho^2$, not by $\\rho^2$.",
            ),
        ),
        WrongAnswer(
            "multiplied by the square",
            times_noise,
            Bilingual(
                "2로 나눈 다음 $\\rho^2$을 **곱했습니다**. `/ 2 * noise**2`는 왼쪽부터 계산하므로 괄호가 필요합니다: `/ (2 * noise**2)`.",
                "Divided by 2, then **multiplied** by $\\rho^2$: `/ 2 * noise**2` goes from left to right. Brackets are needed: `/ (2 * noise**2)`.",
            ),
        ),
        WrongAnswer(
            "ρ not squared",
            by_noise_once,
            Bilingual(
                "$\\rho$를 제곱하지 않았습니다. `noise`는 표준편차이고, 나누는 것은 분산의 두 배 $2\\rho^2$입니다.",
                "$\\rho$ is not squared: `noise` is a standard deviation, and the divisor is twice the variance, $2\\rho^2$.",
            ),
        ),
    )


# -- 3.1 the bound ------------------------------------------------------------------------------------------------


def lower_bound(belief: Tensor, guess: Tensor) -> Tensor:
    """H(μ) + E log q(μ | τ), in nats: what exploration told the decoder, at most what it told at all."""
    log_guess = torch.special.xlogy(belief, guess).sum(dim=-1)  # (B,) E_{μ ~ p(μ|τ)} log q(μ | τ); 0 log 0 = 0
    return math.log(belief.shape[-1]) + log_guess.mean()


def _bound_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, problems in ((1, 2), (3, 4), (4, 24), (6, 9), (8, 5)):
        possible = torch.rand(trials, problems, generator=generator) < 0.5
        possible[torch.arange(trials), torch.randint(problems, (trials,), generator=generator)] = True
        weight = torch.rand(trials, problems, generator=generator) + 0.1
        belief = weight * possible
        guess = torch.rand(trials, problems, generator=generator) + 0.1
        guess[::2] *= possible[::2]  # every other decoder knows what is impossible
        cases.append((belief / belief.sum(dim=1, keepdim=True), guess / guess.sum(dim=1, keepdim=True)))
    rules_out_the_truth = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.1, 0.9]])  # in the first trial: −∞
    cases.insert(3, (torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.4, 0.6]]), rules_out_the_truth))
    return cases


def _bound_reference(belief: Tensor, guess: Tensor) -> float:
    rows = [
        sum(p * (math.log(q) if q > 0 else -math.inf) for p, q in zip(ps, qs, strict=True) if p > 0)
        for ps, qs in zip(belief.tolist(), guess.tolist(), strict=True)
    ]
    return math.log(len(belief[0])) + sum(rows) / len(rows)


def _bound_by_where(belief, guess):
    log_guess = torch.where(belief > 0, guess, 1.0).log()
    return (belief * log_guess).sum(dim=1).mean() + math.log(belief.size(1))


def _bound_by_gap(belief, guess):
    """The exact information minus the gap, a KL divergence."""
    exact = math.log(belief.shape[1]) + torch.special.xlogy(belief, belief).sum(dim=1)
    gap = torch.special.xlogy(belief, belief).sum(dim=1) - torch.special.xlogy(belief, guess).sum(dim=1)
    return (exact - gap).mean()


def _bound_exact(belief, guess):
    return lower_bound(belief, belief)


def _bound_self_judged(belief, guess):
    return lower_bound(guess, guess)


def _bound_turned(belief, guess):
    return lower_bound(guess, belief)


def _bound_softened(by):
    return lambda belief, guess: lower_bound(belief, guess + by)


def _bound_of_the_trials(belief, guess):
    return lower_bound(belief, guess) - math.log(belief.shape[1]) + math.log(belief.shape[0])


def _bound_mean_of_entries(belief, guess):
    return math.log(belief.shape[1]) + torch.special.xlogy(belief, guess).mean()


def _bound_without_entropy(belief, guess):
    return lower_bound(belief, guess) - math.log(belief.shape[1])


def _bound_log_of_mean(belief, guess):
    return math.log(belief.shape[1]) + (belief * guess).sum(dim=1).log().mean()


def _bound_of_finite_trials(belief, guess):
    log_guess = torch.special.xlogy(belief, guess).sum(dim=1)
    return math.log(belief.shape[1]) + log_guess[log_guess.isfinite()].mean()


def _bound_made_finite(belief, guess):
    return math.log(belief.shape[1]) + (belief * guess.log()).nan_to_num().sum(dim=1).mean()


def _bound_not_a_number(belief, guess):
    return math.log(belief.shape[1]) + (belief * guess.log()).sum(dim=1).mean()


register(
    Exercise(
        id="3.1",
        title=Bilingual("정보의 하한", "The lower bound on information"),
        minutes=8,
        difficulty=3,
        signature="lower_bound(belief, guess)",
        reference=_bound_reference,
        solution=lower_bound,
        why=Bilingual(
            "기댓값은 진짜 사후 분포 $p$로, 로그는 디코더 $q$에 취합니다. 둘의 차이가 KL 발산이고 음수가 될 수 없으므로 언제나 하한입니다.",
            "The expectation is under the true posterior $p$, the logarithm is of the decoder's $q$. What is missing is a "
            "KL divergence, never negative: so it is a lower bound, always.",
        ),
        hints=(
            Bilingual(
                "균등한 사전 분포에서 $H(\\mu)$는 무엇의 로그입니까? 두 번째 항에는 분포가 둘 나옵니다. 기댓값은 어느 것으로 취합니까?",
                "Under a uniform prior, $H(\\mu)$ is the logarithm of what? The second term has two distributions: under "
                "which one is the expectation taken?",
            ),
            Bilingual(
                "트라이얼마다 $\\sum_m p_m \\log q_m$을 구하고 트라이얼에 걸쳐 평균합니다. 불가능한 문제에서는 $p_m = q_m = 0$일 수 있습니다.",
                "In each trial, $\\sum_m p_m \\log q_m$; then the mean over trials. At an impossible problem, $p_m = q_m = 0$ may hold.",
            ),
            Bilingual(
                "`torch.special.xlogy(belief, guess)`는 $p \\log q$이고, $p = 0$이면 0입니다.",
                "`torch.special.xlogy(belief, guess)` is $p \\log q$, and 0 where $p = 0$.",
            ),
        ),
        cases=_bound_cases,
        wrong=(
            WrongAnswer(
                "the exact information",
                _bound_exact,
                Bilingual(
                    "디코더를 쓰지 않았습니다. 이것은 정확한 정보 $I(\\tau;\\mu)$이고, 큰 태스크에서는 계산할 수 없어서 하한이 필요합니다.",
                    "The decoder is not used. This is the exact information $I(\\tau;\\mu)$; the bound is there because large tasks don't have it.",
                ),
            ),
            WrongAnswer(
                "the decoder judges itself",
                _bound_self_judged,
                Bilingual(
                    "기댓값을 디코더 자신의 분포로 취했습니다. 그러면 틀려도 자신만만한 디코더가 높은 점수를 받고, 하한도 아닙니다.",
                    "The expectation is under the decoder's own distribution. A decoder that is wrong but sure then scores high: no lower bound.",
                ),
            ),
            WrongAnswer(
                "the two exchanged",
                _bound_turned,
                Bilingual(
                    "$p$와 $q$가 뒤바뀌었습니다. 기댓값은 `belief`로, 로그는 `guess`에 취합니다.",
                    "$p$ and $q$ are exchanged. The expectation is under `belief`, the logarithm is of `guess`.",
                ),
            ),
            WrongAnswer(
                "without the entropy",
                _bound_without_entropy,
                Bilingual(
                    "$H(\\mu)$가 빠졌습니다. 문제 수의 로그를 더해야 정보가 됩니다.",
                    "$H(\\mu)$ is missing. Only with the logarithm of the number of problems is it information.",
                ),
            ),
            WrongAnswer(
                "logarithm of the mean",
                _bound_log_of_mean,
                Bilingual(
                    "확률을 먼저 평균하고 로그를 취했습니다. 옌센 부등식에 따라 더 커지고, 하한이 아니게 됩니다.",
                    "The chances were averaged before the logarithm. By Jensen's inequality that is larger, and no lower bound any more.",
                ),
            ),
            WrongAnswer(
                "infinite trials left out",
                _bound_of_finite_trials,
                Bilingual(
                    "$-\\infty$인 트라이얼을 평균에서 뺐습니다. 그러면 사실을 불가능하다고 한 디코더가 벌을 받지 않습니다. 평균도 $-\\infty$여야 합니다.",
                    "Trials of $-\\infty$ are left out of the mean, so a decoder that calls the truth impossible pays nothing. The mean has to be $-\\infty$, too.",
                ),
            ),
            *(
                WrongAnswer(
                    f"softened by {by}",
                    _bound_softened(by),
                    Bilingual(
                        "로그 안에 작은 수를 더했거나 작은 값을 잘라 올렸습니다. 사실인 것을 불가능하다고 하는 디코더의 하한은 $-\\infty$입니다. $p = 0$인 곳만 0으로 두십시오.",
                        "A small number is added inside the logarithm, or small values are clamped. A decoder that calls the truth impossible has a bound of $-\\infty$; only where $p = 0$ is the term 0.",
                    ),
                )
                for by in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
            ),
            WrongAnswer(
                "minus infinity made a number",
                _bound_made_finite,
                Bilingual(
                    "`nan_to_num`은 NaN만이 아니라 $-\\infty$도 유한한 수로 바꿉니다. 사실인 것을 불가능하다고 하는 디코더의 하한은 $-\\infty$로 남아야 합니다.",
                    "`nan_to_num` makes not only NaN but $-\\infty$ a finite number, too. For a decoder that calls the truth impossible the bound has to stay $-\\infty$.",
                ),
            ),
            WrongAnswer(
                "logarithm of the number of trials",
                _bound_of_the_trials,
                Bilingual(
                    "트라이얼 수 $B$의 로그를 더했습니다. $H(\\mu)$는 **문제** 수 $M$의 로그입니다.",
                    "The logarithm of $B$, the number of trials, is added. $H(\\mu)$ is that of the number $M$ of **problems**.",
                ),
            ),
            WrongAnswer(
                "mean over all entries",
                _bound_mean_of_entries,
                Bilingual(
                    "문제에 걸쳐서도 평균했습니다. 한 트라이얼 안에서는 $p \\log q$를 문제에 걸쳐 **더하고**, 트라이얼에 걸쳐서만 평균합니다.",
                    "Problems are averaged too. Within a trial $p \\log q$ is **added** over problems; only trials are averaged.",
                ),
            ),
            WrongAnswer(
                "0 times minus infinity",
                _bound_not_a_number,
                Bilingual(
                    "불가능한 문제에서 $0 \\cdot \\log 0$이 NaN이 되었습니다. 극한은 0입니다.",
                    "At impossible problems $0 \\cdot \\log 0$ became NaN. Its limit is 0.",
                ),
            ),
        ),
        also_right=(_bound_by_where, _bound_by_gap),
    )
)

# -- 3.2 the pay of a step ----------------------------------------------------------------------------------------


def _gain_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, steps, size, noise in ((1, 1, 2, 0.5), (2, 3, 4, 0.3), (3, 7, 1, 1.0), (4, 20, 16, 0.3), (5, 5, 3, 2.0)):
        code = torch.randn(trials, size, generator=generator)
        cases.append((code, torch.randn(trials, steps + 1, size, generator=generator), noise))
    return cases


def _gain_reference(code: Tensor, decoded: Tensor, noise: float) -> Tensor:
    """By the densities of the two Gaussians themselves."""
    rows = []
    for z, guesses in zip(code, decoded, strict=True):
        density = [
            torch.distributions.Normal(guess.double(), noise).log_prob(z.double()).sum().item() for guess in guesses
        ]
        rows.append([after - before for before, after in zip(density, density[1:])])
    return torch.tensor(rows)


def _gain_by_steps(code, decoded, noise):
    gains = []
    for t in range(decoded.shape[1] - 1):
        before = (decoded[:, t] - code).square().sum(dim=1)
        after = (decoded[:, t + 1] - code).square().sum(dim=1)
        gains.append(0.5 * (before - after) / noise**2)
    return torch.stack(gains, dim=1)


def _gain_by_diff(code, decoded, noise):
    log_likelihood = -0.5 * ((code.unsqueeze(1) - decoded) / noise).pow(2).sum(dim=2)
    return log_likelihood.diff(dim=1)


def _gain_upside_down(code, decoded, noise):
    return -information_gain(code, decoded, noise)


def _gain_level(code, decoded, noise):
    distance = ((decoded - code[:, None]) ** 2).sum(-1)
    return -distance[:, 1:] / (2 * noise**2)


def _gain_since_the_start(code, decoded, noise):
    return information_gain(code, decoded, noise).cumsum(dim=1)


def _gain_without_square(code, decoded, noise):
    distance = (decoded - code[:, None]).norm(dim=-1)
    return (distance[:, :-1] - distance[:, 1:]) / (2 * noise**2)


def _gain_in_no_units(code, decoded, noise):
    return information_gain(code, decoded, noise) * 2 * noise**2


def _gain_without_half(code, decoded, noise):
    return information_gain(code, decoded, noise) * 2


def _gain_times_noise(code, decoded, noise):
    return information_gain(code, decoded, noise) * noise**4


def _gain_by_noise_once(code, decoded, noise):
    return information_gain(code, decoded, noise) * noise


def _gain_mean_of_code(code, decoded, noise):
    return information_gain(code, decoded, noise) / code.shape[1]


register(
    Exercise(
        id="3.2",
        title=Bilingual("한 걸음의 보상", "What a step is paid"),
        minutes=8,
        difficulty=2,
        signature="information_gain(code, decoded, noise)",
        reference=_gain_reference,
        solution=information_gain,
        why=Bilingual(
            "걸음 앞뒤의 로그 확률 차이입니다. 가우시안의 정규화 상수는 서로 지워지고 제곱 거리만 남습니다. 더하면 처음과 끝만 남습니다.",
            "The log-probability after the step minus before it. The Gaussians' constants cancel and squared distances are "
            "left. Add them up, and only the first and the last remain.",
        ),
        hints=(
            Bilingual(
                "`decoded[:, t]`는 걸음 $t$의 **앞**, `decoded[:, t + 1]`은 **뒤**의 추측입니다. 무엇이 줄어들면 좋은 걸음입니까?",
                "`decoded[:, t]` is the guess **before** step $t$, `decoded[:, t + 1]` the one **after**. What shrinks in a good step?",
            ),
            Bilingual(
                "$\\log q(z \\mid \\tau) = -\\lVert z - g(\\tau)\\rVert^2 / 2\\rho^2 + c$이고 $c$는 걸음마다 같습니다.",
                "$\\log q(z \\mid \\tau) = -\\lVert z - g(\\tau)\\rVert^2 / 2\\rho^2 + c$, with the same $c$ at every step.",
            ),
            Bilingual(
                "`distance = ((decoded - code[:, None]) ** 2).sum(-1)`을 구한 뒤 `distance[:, :-1] - distance[:, 1:]`을 $2\\rho^2$으로 나누십시오.",
                "With `distance = ((decoded - code[:, None]) ** 2).sum(-1)`, divide `distance[:, :-1] - distance[:, 1:]` by $2\\rho^2$.",
            ),
        ),
        cases=_gain_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "upside down",
                _gain_upside_down,
                Bilingual(
                    "부호가 반대입니다. 추측이 **나빠질** 때 보상을 받습니다.",
                    "The sign is wrong: it pays when the guess gets **worse**.",
                ),
            ),
            WrongAnswer(
                "how good, not how much better",
                _gain_level,
                Bilingual(
                    "추측이 얼마나 좋은지를 돌려주었습니다. 그러면 한 번 알아낸 것의 보상을 머무는 걸음마다 다시 받습니다. 얼마나 **나아졌는지**를 재야 합니다.",
                    "This is how good the guess is. One discovery would be paid again at each step of waiting. It must be how much **better** it became.",
                ),
            ),
            WrongAnswer(
                "since the start",
                _gain_since_the_start,
                Bilingual(
                    "에피소드의 처음과 견주었습니다. 바로 앞 걸음과 견주어야 합에 처음과 끝만 남습니다.",
                    "Compared with the episode's start. Compare with the step before, so that only first and last remain in the sum.",
                ),
            ),
            WrongAnswer(
                "distance not squared",
                _gain_without_square,
                Bilingual(
                    "거리를 제곱하지 않았습니다. 가우시안의 로그 확률에는 **제곱** 거리가 들어갑니다.",
                    "The distance is not squared. A Gaussian's log-probability has the **squared** distance.",
                ),
            ),
            WrongAnswer(
                "not in nats",
                _gain_in_no_units,
                Bilingual(
                    "$2\\rho^2$으로 나누지 않았습니다. 공개된 코드도 그렇게 하지만, 그러면 단위가 nat이 아니어서 하한과 견줄 수 없습니다.",
                    "Not divided by $2\\rho^2$. The released code doesn't either, but then the unit is not the nat and the bound can't be compared.",
                ),
            ),
            *wrongly_divided(_gain_without_half, _gain_times_noise, _gain_by_noise_once),
            WrongAnswer("mean over the axes of z", _gain_mean_of_code, MEAN_OF_CODE),
        ),
        also_right=(_gain_by_steps, _gain_by_diff),
    )
)

# -- 3.3 what trains the decoder ----------------------------------------------------------------------------------


def decoder_loss(code: Tensor, decoded: Tensor, seen: Tensor, noise: float) -> Tensor:
    """How far the decoder's guesses are from the code, averaged over all prefixes that exist."""
    distance = ((decoded - code[:, None]) ** 2).sum(-1)  # (B, T + 1)
    return (distance * seen).sum() / seen.sum() / (2 * noise**2)


def _decoder_cases(generator: torch.Generator) -> list[tuple]:
    """A gradient is asked for the guesses, for the decoder will learn from this loss."""
    cases = []
    for trials, steps, size, noise in ((1, 1, 2, 0.5), (2, 3, 4, 0.3), (4, 7, 1, 1.0), (6, 10, 8, 0.3), (5, 5, 3, 2.0)):
        code = torch.randn(trials, size, generator=generator)
        decoded = torch.randn(trials, steps + 1, size, generator=generator)
        lived = torch.randint(steps + 1, (trials,), generator=generator)  # steps of each episode
        lived[0] = max(steps - 1, 0)  # one that ended early, and the last one on time
        if trials > 1:
            lived[-1] = steps
        cases.append((code, decoded.requires_grad_(), torch.arange(steps + 1) <= lived[:, None], noise))
    return cases


def _decoder_reference(code: Tensor, decoded: Tensor, seen: Tensor, noise: float) -> Tensor:
    """Prefix by prefix; no gradient flows into the code."""
    total, count = 0.0, 0
    for z, guesses, exists in zip(code.tolist(), decoded, seen.tolist(), strict=True):
        for guess, there in zip(guesses, exists, strict=True):
            if there:
                total, count = total + (guess - torch.tensor(z)).pow(2).sum() / (2 * noise**2), count + 1
    return total / count


def _decoder_by_mask(code, decoded, seen, noise):
    target = code.detach().unsqueeze(1).expand_as(decoded)
    return (0.5 * ((decoded - target) / noise) ** 2)[seen].sum() / seen.sum()


def _decoder_by_mean(code, decoded, seen, noise):
    distance = (code.detach()[:, None, :] - decoded).pow(2).sum(dim=2)
    return distance.masked_select(seen).mean() / (2 * noise * noise)


def _decoder_at_the_end(code, decoded, seen, noise):
    last = seen.long().sum(dim=1) - 1
    final = decoded[torch.arange(len(code)), last]
    return ((final - code) ** 2).sum(-1).mean() / (2 * noise**2)


def _decoder_after_the_end(code, decoded, seen, noise):
    return decoder_loss(code, decoded, torch.ones_like(seen), noise)


def _decoder_padded_mean(code, decoded, seen, noise):
    distance = ((decoded - code[:, None]) ** 2).sum(-1)
    return (distance * seen).mean() / (2 * noise**2)


def _decoder_mean_of_code(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) / code.shape[1]


def _decoder_in_no_units(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) * 2 * noise**2


def _decoder_without_half(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) * 2


def _decoder_times_noise(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) * noise**4


def _decoder_by_noise_once(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) * noise


def _decoder_added_up(code, decoded, seen, noise):
    return decoder_loss(code, decoded, seen, noise) * seen.sum()


def _decoder_upside_down(code, decoded, seen, noise):
    return -decoder_loss(code, decoded, seen, noise)


def _decoder_with_constants(code, decoded, seen, noise):
    log_density = torch.distributions.Normal(decoded, noise).log_prob(code[:, None]).sum(-1)
    return -(log_density * seen).sum() / seen.sum()


def _decoder_without_gradient(code, decoded, seen, noise):
    return decoder_loss(code, decoded.detach(), seen, noise)


def _decoder_by_trial(code, decoded, seen, noise):
    distance = ((decoded - code[:, None]) ** 2).sum(-1) * seen
    return (distance.sum(dim=1) / seen.sum(dim=1)).mean() / (2 * noise**2)


register(
    Exercise(
        id="3.3",
        title=Bilingual("디코더의 손실", "The decoder's loss"),
        minutes=8,
        difficulty=3,
        signature="decoder_loss(code, decoded, seen, noise)",
        reference=_decoder_reference,
        solution=decoder_loss,
        why=Bilingual(
            "디코더는 끝까지 본 다음만이 아니라 **모든** 앞부분에서 추측해야 합니다. 보상이 걸음마다의 추측으로 만들어지기 때문입니다. "
            "끝난 뒤의 칸은 에피소드가 아니므로 세지 않습니다.",
            "The decoder has to guess from **every** prefix, not only from whole episodes, for the pay is made of each step's "
            "guess. Columns after the end are no part of an episode and don't count.",
        ),
        hints=(
            Bilingual(
                "`seen[b, t]`는 길이 $t$인 앞부분이 있는지를 나타냅니다. 손실은 추측 몇 개의 평균입니까?",
                "`seen[b, t]` says whether a prefix of length $t$ exists. Over how many guesses is the loss a mean?",
            ),
            Bilingual(
                "제곱 거리는 $z$의 축을 따라 **더하고**, 앞부분에 걸쳐 **평균**합니다.",
                "Squared distances are **added** over the axes of $z$, and **averaged** over prefixes.",
            ),
            Bilingual(
                "`(distance * seen).sum() / seen.sum()`을 $2\\rho^2$으로 나누십시오.",
                "Divide `(distance * seen).sum() / seen.sum()` by $2\\rho^2$.",
            ),
        ),
        cases=_decoder_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "whole episodes only",
                _decoder_at_the_end,
                Bilingual(
                    "에피소드의 끝에서만 추측합니다. 그러면 도중의 추측은 배우지 않은 것이고, 걸음마다의 보상은 잡음이 됩니다.",
                    "Guesses at the end only. Those on the way are then untrained, and the pay of each step is noise.",
                ),
            ),
            WrongAnswer(
                "after the end as well",
                _decoder_after_the_end,
                Bilingual(
                    "`seen`을 쓰지 않아, 에피소드가 끝난 뒤의 빈칸까지 셌습니다.",
                    "`seen` is not used: the empty columns after an episode's end are counted.",
                ),
            ),
            WrongAnswer(
                "mean over empty columns",
                _decoder_padded_mean,
                Bilingual(
                    "빈칸은 0으로 만들었지만 나눌 때는 셌습니다. 짧은 에피소드일수록 손실이 작아 보입니다.",
                    "Empty columns are set to 0 but counted when dividing: the shorter the episodes, the smaller the loss looks.",
                ),
            ),
            WrongAnswer(
                "mean over trials of means",
                _decoder_by_trial,
                Bilingual(
                    "트라이얼마다 따로 평균한 뒤 다시 평균했습니다. 그러면 짧은 에피소드의 앞부분이 더 큰 비중을 차지합니다. 여기서는 앞부분 하나하나의 비중이 같습니다.",
                    "A mean in each trial, then over trials: prefixes of short episodes weigh more. Here each prefix counts alike.",
                ),
            ),
            WrongAnswer("mean over the axes of z", _decoder_mean_of_code, MEAN_OF_CODE),
            WrongAnswer(
                "not in nats",
                _decoder_in_no_units,
                Bilingual(
                    "$2\\rho^2$으로 나누지 않았습니다. 단위가 nat이 아닙니다.",
                    "Not divided by $2\\rho^2$: the unit is not the nat.",
                ),
            ),
            *wrongly_divided(_decoder_without_half, _decoder_times_noise, _decoder_by_noise_once),
            WrongAnswer(
                "added up",
                _decoder_added_up,
                Bilingual(
                    "앞부분에 걸쳐 더했습니다. 평균이어야 배치와 에피소드의 길이에 따라 손실이 달라지지 않습니다.",
                    "Added up over prefixes. It has to be a mean, or the loss depends on the batch and on how long episodes are.",
                ),
            ),
            WrongAnswer(
                "upside down",
                _decoder_upside_down,
                Bilingual(
                    "부호가 반대입니다. 이 손실을 줄이면 추측이 **나빠집니다**. 손실은 $-\\log q$입니다.",
                    "The sign is wrong: lowering this loss makes guesses **worse**. The loss is $-\\log q$.",
                ),
            ),
            WrongAnswer(
                "with its constants",
                _decoder_with_constants,
                Bilingual(
                    "가우시안의 정규화 상수까지 넣었습니다. 학습에는 차이가 없지만 여기서는 뺍니다.",
                    "The Gaussian's constants are in it. They change nothing in training; here they are left out.",
                ),
            ),
            WrongAnswer(
                "no gradient reaches the decoder",
                _decoder_without_gradient,
                Bilingual(
                    "숫자는 맞지만 `decoded`로 그래디언트가 흐르지 않습니다. 이 손실로는 디코더가 배우지 못합니다. `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
                    "The numbers are right, but no gradient flows into `decoded`: the decoder can't learn from this loss. Look for `detach`, `no_grad` or `.item()`.",
                ),
            ),
        ),
        also_right=(_decoder_by_mask, _decoder_by_mean),
    )
)

# -- 3.4 the bottleneck -------------------------------------------------------------------------------------------


def _squeeze_cases(generator: torch.Generator) -> list[tuple]:
    """A gradient is asked for the code: the encoder learns from this."""
    return [
        ((1.0 + torch.randn(trials, size, generator=generator)).requires_grad_(), noise)
        for trials, size, noise in ((1, 1, 1.0), (2, 3, 0.5), (6, 16, 0.3), (24, 2, 2.0), (5, 8, 0.1))
    ]


def _squeeze_reference(code: Tensor, noise: float) -> Tensor:
    """By PyTorch's own KL divergence of two Gaussians."""
    normal = torch.distributions.Normal
    encoder = normal(code.double(), torch.full_like(code, noise, dtype=torch.float64))
    prior = normal(torch.zeros_like(encoder.loc), torch.full_like(encoder.loc, noise))
    return torch.distributions.kl_divergence(encoder, prior).sum(dim=1).mean()


def _squeeze_by_rows(code, noise):
    return sum((row @ row) / (2 * noise**2) for row in code) / len(code)


def _squeeze_by_scaling(code, noise):
    return 0.5 * (code / noise).square().sum() / code.shape[0]


def _squeeze_mean(code, noise):
    return (code**2).mean() / (2 * noise**2)


def _squeeze_in_no_units(code, noise):
    return (code**2).sum(-1).mean()


def _squeeze_without_half(code, noise):
    return bottleneck(code, noise) * 2


def _squeeze_times_noise(code, noise):
    return bottleneck(code, noise) * noise**4


def _squeeze_by_noise_once(code, noise):
    return bottleneck(code, noise) * noise


def _squeeze_added_up(code, noise):
    return bottleneck(code, noise) * len(code)


def _squeeze_without_gradient(code, noise):
    return bottleneck(code.detach(), noise)


def _squeeze_without_square(code, noise):
    return code.norm(dim=-1).mean() / (2 * noise**2)


def _squeeze_around_the_mean(code, noise):
    return ((code - code.mean(dim=0)) ** 2).sum(-1).mean() / (2 * noise**2)


def _squeeze_unit_prior(code, noise):
    """KL(N(f, ρ²) ‖ N(0, 1))."""
    return (0.5 * (code**2 + noise**2 - 1) - math.log(noise)).sum(-1).mean()


register(
    Exercise(
        id="3.4",
        title=Bilingual("정보 병목", "The information bottleneck"),
        minutes=6,
        difficulty=2,
        signature="bottleneck(code, noise)",
        reference=_squeeze_reference,
        solution=bottleneck,
        why=Bilingual(
            "표준편차가 같은 두 가우시안의 KL 발산은 평균 사이의 제곱 거리를 $2\\rho^2$으로 나눈 것입니다. 그 평균은 $I(z;\\mu)$보다 작을 수 없습니다.",
            "The KL divergence of two Gaussians of the same standard deviation is the squared distance of their means over $2\\rho^2$. Its "
            "mean can't be below $I(z;\\mu)$.",
        ),
        hints=(
            Bilingual(
                "두 가우시안은 표준편차 $\\rho$가 같고 평균만 다릅니다. 하나는 $f(\\mu)$, 다른 하나는 0입니다.",
                "The two Gaussians have the same standard deviation $\\rho$ and differ in the mean: one at $f(\\mu)$, the other at 0.",
            ),
            Bilingual(
                "$\\mathrm{KL} = \\lVert f(\\mu)\\rVert^2 / 2\\rho^2$이고, 문제에 대해 평균합니다.",
                "$\\mathrm{KL} = \\lVert f(\\mu)\\rVert^2 / 2\\rho^2$, averaged over problems.",
            ),
            Bilingual(
                "`(code**2).sum(-1)`은 문제마다의 제곱 길이입니다. 평균하고 `2 * noise**2`로 나누십시오.",
                "`(code**2).sum(-1)` is each problem's squared length. Take the mean and divide by `2 * noise**2`.",
            ),
        ),
        cases=_squeeze_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "mean over the axes of z",
                _squeeze_mean,
                Bilingual(
                    "$z$의 축에 대해 평균했습니다. 독립인 축들의 KL은 **더합니다**. 문제에 대해서만 평균하십시오.",
                    "A mean over the axes of $z$. The KL of independent axes **adds up**; only problems are averaged.",
                ),
            ),
            WrongAnswer(
                "not in nats",
                _squeeze_in_no_units,
                Bilingual(
                    "$2\\rho^2$으로 나누지 않았습니다. 그러면 nat이 아니고, $I(z;\\mu)$의 상한도 아닙니다.",
                    "Not divided by $2\\rho^2$. Then it is not in nats, and bounds $I(z;\\mu)$ no more.",
                ),
            ),
            WrongAnswer(
                "length not squared",
                _squeeze_without_square,
                Bilingual(
                    "길이를 제곱하지 않았습니다.",
                    "The length is not squared.",
                ),
            ),
            *wrongly_divided(_squeeze_without_half, _squeeze_times_noise, _squeeze_by_noise_once),
            WrongAnswer(
                "added up over problems",
                _squeeze_added_up,
                Bilingual(
                    "문제에 걸쳐 더했습니다. 문제에 대해서는 평균합니다.",
                    "Added up over problems. Over problems it is a mean.",
                ),
            ),
            WrongAnswer(
                "no gradient reaches the encoder",
                _squeeze_without_gradient,
                Bilingual(
                    "숫자는 맞지만 `code`로 그래디언트가 흐르지 않습니다. 그러면 $\\lambda$를 아무리 키워도 인코더가 $z$를 조이지 않습니다. `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
                    "The numbers are right, but no gradient flows into `code`: however large $\\lambda$, the encoder won't squeeze $z$. Look for `detach`, `no_grad` or `.item()`.",
                ),
            ),
            WrongAnswer(
                "around the mean of the batch",
                _squeeze_around_the_mean,
                Bilingual(
                    "0 대신 배치의 평균을 중심으로 삼았습니다. 사실 이것도 상한이고 더 가깝지만, 여기서 찾는 것은 논문의 $\\mathcal N(0, \\rho^2 I)$에 대한 KL입니다.",
                    "Centred at the mean of the batch instead of 0. That is an upper bound too, even a closer one; but asked for is the paper's KL to $\\mathcal N(0, \\rho^2 I)$.",
                ),
            ),
            WrongAnswer(
                "another spread in the prior",
                _squeeze_unit_prior,
                Bilingual(
                    "사전 분포의 표준편차를 1로 잡았습니다. 논문은 인코더와 같은 $\\rho$를 씁니다.",
                    "The prior's standard deviation is taken as 1. The paper takes the encoder's own $\\rho$.",
                ),
            ),
        ),
        also_right=(_squeeze_by_rows, _squeeze_by_scaling),
    )
)

# -- 3.5 a silent bug ---------------------------------------------------------------------------------------------


def strangers_decoder_loss(code: Tensor, decoded: Tensor, seen: Tensor, noise: float) -> Tensor:
    """How far the decoder's guesses are from the code, averaged over all prefixes."""
    distance = ((decoded - code[:, None]) ** 2).sum(-1)  # (B, T + 1)
    return (distance * seen).sum() / seen.sum() / (2 * noise**2)


def _mended_cases(generator: torch.Generator) -> list[tuple]:
    """In turn: a gradient is asked for the code alone (where none may flow), for the guesses, and for both."""
    cases = []
    for number, (code, decoded, seen, noise) in enumerate(_decoder_cases(generator)):
        code.requires_grad_(number % 3 != 1)
        decoded.requires_grad_(number % 3 != 0)
        cases.append((code, decoded, seen, noise))
    return cases


def _mended_no_grad(code, decoded, seen, noise):
    with torch.no_grad():
        target = code.clone()
    return strangers_decoder_loss(target, decoded, seen, noise)


def _mended_detached_the_guesses(code, decoded, seen, noise):
    return strangers_decoder_loss(code, decoded.detach(), seen, noise)


def _mended_detached_all(code, decoded, seen, noise):
    return strangers_decoder_loss(code, decoded, seen, noise).detach()


def _mended_at_the_end(code, decoded, seen, noise):
    return _decoder_at_the_end(code.detach(), decoded, seen, noise)


register(
    Exercise(
        id="3.5",
        title=Bilingual("조용한 버그", "A silent bug"),
        minutes=8,
        difficulty=4,
        signature="mended_decoder_loss(code, decoded, seen, noise)",
        reference=_decoder_reference,
        solution=dream.decoder_loss,
        why=Bilingual(
            "`detach`가 없으면 이 손실은 인코더도 움직입니다. 가장 쉬운 길은 모든 문제의 코드를 한 점으로 모으는 것입니다. 그러면 손실도 간격도 작지만 "
            "$z$에는 아무것도 남지 않습니다. 디코더가 인코더를 따라가야지, 인코더가 디코더를 따라가면 안 됩니다.",
            "Without `detach` this loss moves the encoder too, and the easiest way is to gather the codes of all problems in one "
            "point. Loss and gap are small then, and $z$ is empty. The decoder follows the encoder, never the other way round.",
        ),
        hints=(
            Bilingual(
                "간격은 닫히는데 $z$에 든 정보가 사라집니다. 어느 손실이 $z$를 비우고 싶어 합니까?",
                "The gap closes while what $z$ holds vanishes. Which loss would like $z$ to be empty?",
            ),
            Bilingual(
                "숫자는 옳습니다. 그래디언트가 `code`와 `decoded` 가운데 어디로 흘러야 합니까?",
                "The numbers are right. Into which of `code` and `decoded` should the gradient flow?",
            ),
            Bilingual(
                "`code` 대신 `code.detach()`를 쓰십시오.",
                "Use `code.detach()` in place of `code`.",
            ),
        ),
        cases=_mended_cases,
        tolerance=1e-4,
        gradients_matter=True,
        wrong=(
            WrongAnswer(
                "the gradient reaches the encoder",
                strangers_decoder_loss,
                Bilingual(
                    "낯선 이의 코드와 똑같이 동작합니다. 숫자는 옳지만 그래디언트가 `code`로도 흐릅니다.",
                    "This does just what the stranger's code does. Its numbers are right, but the gradient flows into `code` as well.",
                ),
            ),
            WrongAnswer(
                "the decoder learns nothing",
                _mended_detached_the_guesses,
                Bilingual(
                    "그래디언트를 끊은 쪽이 반대입니다. 이제 디코더는 배우지 않고, 인코더가 배우지 않은 디코더를 따라갑니다.",
                    "The stop is on the wrong side. Now the decoder learns nothing, and the encoder follows an untrained decoder.",
                ),
            ),
            WrongAnswer(
                "nobody learns",
                _mended_detached_all,
                Bilingual(
                    "손실 전체를 끊었습니다. 디코더에도 그래디언트가 가지 않습니다.",
                    "The whole loss is cut off: no gradient reaches the decoder either.",
                ),
            ),
            WrongAnswer(
                "whole episodes only",
                _mended_at_the_end,
                Bilingual(
                    "그래디언트는 옳지만 에피소드의 끝에서만 추측합니다. 모든 앞부분에 대해 평균해야 합니다.",
                    "The gradient is right, but guesses at the end only count. Average over all prefixes.",
                ),
            ),
        ),
        also_right=(_mended_no_grad, _decoder_by_mask),
    )
)

# -- the quiz -----------------------------------------------------------------------------------------------------

ask(
    Question(
        id="3.a",
        text=Bilingual(
            "하한 $H(z) + \\mathbb E[\\log q_\\omega(z \\mid \\tau)]$가 정확한 정보 $I(\\tau; z)$와 같아지는 것은 언제입니까?",
            "When does the bound $H(z) + \\mathbb E[\\log q_\\omega(z \\mid \\tau)]$ equal the exact information $I(\\tau; z)$?",
        ),
        choices=(
            Choice(
                Bilingual("탐험이 최적일 때", "when exploration is optimal"),
                Bilingual(
                    "탐험이 좋으면 둘 다 커지지만, 둘의 차이는 디코더가 정합니다.",
                    "Better exploration raises both; the difference between them is the decoder's.",
                ),
            ),
            Choice(
                Bilingual("$z$가 문제를 완전히 알려 줄 때", "when $z$ tells all about the problem"),
                Bilingual(
                    "그러면 알아낼 것이 가장 많아질 뿐입니다. 간격과는 관계가 없습니다.",
                    "Then there is most to find out. It has no bearing on the gap.",
                ),
            ),
            Choice(
                Bilingual("디코더가 사후 분포와 같을 때", "when the decoder is the posterior"),
                Bilingual(
                    "간격은 $\\mathrm{KL}(p \\Vert q)$의 평균이고, 두 분포가 같을 때만 0입니다.",
                    "The gap is the mean of $\\mathrm{KL}(p \\Vert q)$, which is 0 only where the two agree.",
                ),
                right=True,
            ),
        ),
    )
)
ask(
    Question(
        id="3.b",
        text=Bilingual(
            "DREAM의 탐험은 왜 RL²처럼 실행을 기다리지 않습니까?",
            "Why does DREAM's exploration not wait for execution, as RL²'s does?",
        ),
        choices=(
            Choice(
                Bilingual("탐험의 보상에 실행의 리턴이 없어서", "because execution's return is no part of its reward"),
                Bilingual(
                    "탐험은 $z$를 알아낸 만큼 받습니다. 실행은 그동안 인코더에게서 $z$를 받아 배웁니다. 둘은 $z$로만 이어집니다.",
                    "It is paid for finding out $z$. Meanwhile execution learns with $z$ from the encoder. Only $z$ joins the two.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("탐험이 더 큰 신경망이라서", "because its network is larger"),
                Bilingual(
                    "크기와는 관계가 없습니다. RL²의 신경망을 키워도 기다림은 그대로입니다.",
                    "Size has nothing to do with it. Enlarge RL²'s network and the waiting stays.",
                ),
            ),
            Choice(
                Bilingual("탐험에 문제의 번호를 알려 주어서", "because it is told the problem's number"),
                Bilingual(
                    "번호를 보는 것은 인코더뿐이고 학습할 때만입니다. 탐험 정책은 결코 보지 않습니다. 다만 보상은 인코더의 $z$로 "
                    "계산하므로, 번호 없이는 이 학습을 할 수 없습니다.",
                    "Only the encoder sees the number, in training only. The exploration policy never does. But its reward is made "
                    "with the encoder's $z$, so without the number there would be no such training.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="3.c",
        text=Bilingual(
            "$\\lambda$를 아주 크게 하면 무엇이 먼저 무너집니까?",
            "Make $\\lambda$ very large. What breaks first?",
        ),
        choices=(
            Choice(
                Bilingual("디코더: 간격이 벌어집니다", "the decoder: the gap widens"),
                Bilingual(
                    "$z$가 비면 추측하기는 오히려 쉽습니다. 간격은 작습니다.",
                    "An empty $z$ is even easier to guess. The gap is small.",
                ),
            ),
            Choice(
                Bilingual("$z$: 실행에 필요한 것도 남지 않습니다", "$z$: not even what execution needs is left in it"),
                Bilingual(
                    "nat 하나의 가격이 그것으로 줄어드는 Q값의 오차보다 비싸지면 인코더는 그것을 버립니다.",
                    "Once a nat costs more than it takes off the error of the Q-values, the encoder drops it.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("탐험: 방해 버스만 탑니다", "exploration: it rides distractors only"),
                Bilingual(
                    "$z$가 비면 탈 까닭이 있는 버스가 아예 없습니다.",
                    "With an empty $z$ there is no reason to ride any bus.",
                ),
            ),
        ),
    )
)
