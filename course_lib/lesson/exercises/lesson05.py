"""The exercises of lesson 05: comparing two sets of seeds, when a target is kept, an interval, a task, a silent bug."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.bilingual import Bilingual
from course_lib.lesson.exercise import Exercise, WrongAnswer, register
from course_lib.lesson.quiz import Choice, Question, ask

# -- 5.1 which of two sets of seeds is better ---------------------------------------------------------------------


def probability_of_improvement(ours: Tensor, theirs: Tensor) -> Tensor:
    """The chance that a run of ours beats a run of theirs, a tie counting half."""
    better = (ours[:, None] > theirs[None, :]).float()  # (n, m) every pair
    tied = (ours[:, None] == theirs[None, :]).float()
    return (better + 0.5 * tied).mean()


def _pair_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for n, m in ((2, 2), (5, 5), (10, 10), (5, 10), (10, 3)):
        ours = (torch.rand(n, generator=generator) * 8).round() + 2
        theirs = (torch.rand(m, generator=generator) * 8).round()
        theirs[0] = ours[0]  # a tie, as between runs that both reach the optimum
        ours[1], theirs[1] = ours.max() + 1, theirs.min() - 1
        ours, theirs = ours / 10, theirs / 10  # whole numbers until here: equal is equal to the last bit
        if m > 2:
            theirs[2] = ours[0] + 0.003  # close is no tie
        cases.append((ours, theirs))
    return cases


def _improvement_reference(ours: Tensor, theirs: Tensor) -> float:
    points = sum(1.0 if x > y else 0.5 if x == y else 0.0 for x in ours.tolist() for y in theirs.tolist())
    return points / (len(ours) * len(theirs))


def _improvement_by_sign(ours, theirs):
    return 0.5 + 0.5 * torch.sign(ours[:, None] - theirs).mean()


def _improvement_by_counting(ours, theirs):
    at_most = torch.searchsorted(theirs.sort().values, ours.contiguous(), right=True)
    below = torch.searchsorted(theirs.sort().values, ours.contiguous())
    return ((at_most + below) / 2).sum() / (len(ours) * len(theirs))


def _improvement_ties_lost(ours, theirs):
    return (ours[:, None] > theirs).float().mean()


def _improvement_ties_won(ours, theirs):
    return (ours[:, None] >= theirs).float().mean()


def _improvement_reversed(ours, theirs):
    return probability_of_improvement(theirs, ours)


def _improvement_in_order(ours, theirs):
    size = min(len(ours), len(theirs))
    ours, theirs = ours[:size], theirs[:size]
    return ((ours > theirs).float() + 0.5 * (ours == theirs)).mean()


def _improvement_of_means(ours, theirs):
    return ours.mean() - theirs.mean()


register(
    Exercise(
        id="5.1",
        title=Bilingual("한 번의 학습이 이길 확률", "The chance that one run wins"),
        minutes=7,
        difficulty=2,
        signature="probability_of_improvement(ours, theirs)",
        reference=_improvement_reference,
        solution=probability_of_improvement,
        why=Bilingual(
            "시드 번호가 같아도 두 방법의 시드는 짝이 아닙니다. 모든 쌍을 비교합니다. 둘 다 최적에 이르면 비기므로, 비긴 쌍을 절반으로 세어야 "
            "두 방향의 확률을 더해 1이 됩니다.",
            "Seed 3 of one method and seed 3 of another are no pair, so every pair is compared. Runs that both reach "
            "the optimum tie; only with half a point for a tie do the two directions add up to 1.",
        ),
        hints=(
            Bilingual(
                "우리 시드가 n개, 상대 시드가 m개면 비교할 쌍은 몇 개입니까?",
                "With n seeds of ours and m of theirs, how many pairs are there to compare?",
            ),
            Bilingual(
                "`ours[:, None] > theirs[None, :]`는 (n, m)입니다. 비긴 쌍은 따로 세십시오.",
                "`ours[:, None] > theirs[None, :]` is (n, m). Count the tied pairs apart.",
            ),
            Bilingual(
                "`(better + 0.5 * tied).mean()`을 돌려주십시오. 둘 다 `float()`로 바꾼 뒤입니다.",
                "Return `(better + 0.5 * tied).mean()`, both turned into `float()` first.",
            ),
        ),
        cases=_pair_cases,
        wrong=(
            WrongAnswer(
                "ties count as lost",
                _improvement_ties_lost,
                Bilingual(
                    "비긴 쌍을 진 것으로 셌습니다. 두 방법이 모두 0.8에 이르면 이 값은 0이 되어, 똑같은 방법이 나빠 보입니다.",
                    "Ties are counted as lost. When both methods reach 0.8 this gives 0, and two equal methods look "
                    "unequal.",
                ),
            ),
            WrongAnswer(
                "ties count as won",
                _improvement_ties_won,
                Bilingual(
                    "비긴 쌍을 이긴 것으로 셌습니다. 비기면 절반입니다.",
                    "Ties are counted as won. A tie is half a point.",
                ),
            ),
            WrongAnswer(
                "the other way round",
                _improvement_reversed,
                Bilingual(
                    "상대가 우리를 이길 확률입니다. 방향이 반대입니다.",
                    "That is the chance that theirs beats ours: the other way round.",
                ),
            ),
            WrongAnswer(
                "paired by seed number",
                _improvement_in_order,
                Bilingual(
                    "시드 번호가 같은 것끼리만 비교했습니다. 두 방법의 시드 3은 서로 아무 관계가 없습니다. 모든 쌍을 비교하십시오.",
                    "Only seeds of the same number are compared. Seed 3 of one method has nothing to do with seed 3 of "
                    ""
                    "another. Compare every pair.",
                ),
            ),
            WrongAnswer(
                "difference of the means",
                _improvement_of_means,
                Bilingual(
                    "평균의 차입니다. 확률이 아니며, 실패한 시드 하나가 크게 흔듭니다.",
                    "That is a difference of means. It is no chance, and one failed seed sways it.",
                ),
            ),
        ),
        also_right=(_improvement_by_sign, _improvement_by_counting),
    )
)

# -- 5.2 seconds to the target, kept to the end --------------------------------------------------------------------


def seconds_to_target(seconds: Tensor, returns: Tensor, target: float) -> Tensor:
    """From when on each curve stays at the target or above, to its end; inf where it ends below."""
    kept = (returns >= target).flip(1).cummin(dim=1).values.flip(1)  # (B, T) at the target from here to the end
    first = kept.int().argmax(dim=1)  # (B,)
    return torch.where(kept[:, -1], seconds[first], torch.tensor(math.inf))


def _curve_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for curves, looks, target in ((8, 6, 0.75), (8, 8, 0.5), (10, 12, 0.75), (1, 10, 0.625)):
        seconds = (torch.rand(looks, generator=generator) + 0.5).cumsum(0)
        above = torch.rand(curves, looks, generator=generator) * 0.6 - 0.75  # by how much: all below so far
        above[0, 1], above[0, 2] = 0.05, -0.35  # reached, lost, and reached again for good
        above[0, 3:] = 0.05
        if curves > 1:
            above[1, 2], above[1, -1] = 0.04, -0.45  # reached, and lost at the end
            above[2, 2:] = 0.05  # reached and kept
            above[3] = 0.05  # there from the first look
            above[4, looks // 2 :] = 0.05  # reached just so, and kept
            above[4, looks // 2] = 0.0
            above[5] = 0.05  # kept for several looks, lost for one, and reached again
            above[5, 0] = above[5, -4 if looks > 6 else -3] = -0.2
            above[6, -2], above[6, -1] = -0.01, 0.05  # very close, and reached at the last look
            above[7] = 0.05  # lost twice
            above[7, 1] = above[7, 3] = -0.2
        cases.append((seconds, target + above, target))
    return cases


def _target_reference(seconds: Tensor, returns: Tensor, target: float) -> Tensor:
    found = []
    for curve in returns.tolist():
        below = [t for t, value in enumerate(curve) if value < target]
        after = below[-1] + 1 if below else 0
        found.append(float(seconds[after]) if after < len(curve) else math.inf)
    return torch.tensor(found)


def _target_by_last_below(seconds, returns, target):
    looks = torch.arange(1, len(seconds) + 1)
    after = ((returns < target) * looks).max(dim=1).values  # (B,)
    return torch.cat([seconds, torch.tensor([math.inf])])[after]


def _target_by_loop(seconds, returns, target):
    found = torch.full((len(returns),), math.inf)
    for t in reversed(range(len(seconds))):
        still = (returns[:, t:] >= target).all(dim=1)
        found = torch.where(still, seconds[t], found)
    return found


def _target_first_crossing(seconds, returns, target):
    above = returns >= target
    return torch.where(above.any(dim=1), seconds[above.int().argmax(dim=1)], torch.tensor(math.inf))


def _target_after_the_first_fall(seconds, returns, target):
    found = []
    for curve in (returns >= target).tolist():
        t = curve.index(True) if curve[-1] else len(curve)
        if False in curve[t:]:
            fell = curve.index(False, t)
            t = curve.index(True, fell)
        found.append(float(seconds[t]) if t < len(curve) else math.inf)
    return torch.tensor(found)


def _target_last_below(seconds, returns, target):
    found = seconds_to_target(seconds, returns, target)
    place = torch.searchsorted(seconds, found).clamp(max=len(seconds) - 1)
    return torch.where(found.isinf(), found, seconds[(place - 1).clamp(min=0)])


def _target_failed_are_last(seconds, returns, target):
    found = seconds_to_target(seconds, returns, target)
    return torch.where(found.isinf(), seconds[-1], found)


def _target_failed_are_zero(seconds, returns, target):
    return seconds_to_target(seconds, returns, target).nan_to_num(posinf=0.0)


def _target_failed_are_nan(seconds, returns, target):
    found = seconds_to_target(seconds, returns, target)
    return torch.where(found.isinf(), math.nan, found)


def _target_strictly_above(seconds, returns, target):
    kept = (returns > target).flip(1).cummin(dim=1).values.flip(1)
    return torch.where(kept[:, -1], seconds[kept.int().argmax(dim=1)], math.inf)


def _target_nearly(seconds, returns, target):
    return seconds_to_target(seconds, returns, 0.95 * target)


def _target_always_the_same(seconds, returns, target):
    return seconds_to_target(seconds, returns, 0.75)


def _target_place(seconds, returns, target):
    found = seconds_to_target(seconds, returns, target)
    return torch.where(found.isinf(), found, torch.searchsorted(seconds, found).float())


register(
    Exercise(
        id="5.2",
        title=Bilingual("목표에 이르러 지킨 때", "When the target is reached and kept"),
        minutes=9,
        difficulty=3,
        signature="seconds_to_target(seconds, returns, target)",
        reference=_target_reference,
        solution=seconds_to_target,
        why=Bilingual(
            "처음 넘은 때를 적으면 우연히 한 번 좋았던 정책에 상을 줍니다. 끝까지 지킨 때만이 학습이 끝났다는 뜻입니다. 실패한 시드는 무한대로 두어야 "
            "중앙값에 실패가 반영됩니다.",
            "The first crossing rewards a policy that was good once, by luck. Only a target that is kept says "
            "that the "
            "training is done. A failed seed stays at infinity, so that the median remembers it.",
        ),
        hints=(
            Bilingual(
                "곡선을 뒤에서부터 읽으십시오. 마지막으로 목표 아래에 있던 때는 언제입니까?",
                "Read the curve from its end. When was it below the target for the last time?",
            ),
            Bilingual(
                "`returns >= target`을 `.flip(1)`로 시간축에서 뒤집고, `.cummin(dim=1).values`를 구하고, 다시 `.flip(1)`로 뒤집으십시오. "
                "끝까지 지킨 부분만 참으로 남습니다.",
                "Flip `returns >= target` in time with `.flip(1)`, take `.cummin(dim=1).values`, and flip back with "
                "`.flip(1)`: only the part that is kept to the end stays true.",
            ),
            Bilingual(
                "`kept = (returns >= target).flip(1).cummin(dim=1).values.flip(1)`이면 처음 자리는 "
                "`first = kept.int().argmax(dim=1)`입니다. `torch.where(kept[:, -1], seconds[first], math.inf)`를 돌려주십시오.",
                "With `kept = (returns >= target).flip(1).cummin(dim=1).values.flip(1)` the first place is "
                "`first = kept.int().argmax(dim=1)`. Return `torch.where(kept[:, -1], seconds[first], math.inf)`.",
            ),
        ),
        cases=_curve_cases,
        wrong=(
            WrongAnswer(
                "first crossing",
                _target_first_crossing,
                Bilingual(
                    "처음 넘은 때입니다. 첫 곡선은 그 뒤에 다시 떨어졌고, 둘째 곡선은 끝에서 실패했습니다.",
                    "That is the first crossing. The first curve fell again after it, and the second failed in the "
                    "end.",
                ),
            ),
            WrongAnswer(
                "after the first fall",
                _target_after_the_first_fall,
                Bilingual(
                    "처음 떨어졌다가 다시 이른 때입니다. 곡선은 두 번 떨어질 수도 있습니다. **마지막으로** 목표 아래에 있던 때 다음이 답입니다.",
                    "That is when the target was reached again after the first fall. A curve may fall twice: the answer "
                    "comes after the **last** look below.",
                ),
            ),
            WrongAnswer(
                "one look too early",
                _target_last_below,
                Bilingual(
                    "평가 한 번만큼 이릅니다. 그때는 아직 목표 아래였습니다. 그다음 평가가 답입니다.",
                    "One look too early: there the curve was still below. The answer is the look after it.",
                ),
            ),
            WrongAnswer(
                "failures take the whole time",
                _target_failed_are_last,
                Bilingual(
                    "실패한 시드에 학습의 끝 시각을 적었습니다. 그러면 실패가 느린 성공으로 둔갑합니다. `inf`로 두십시오.",
                    "A failed seed gets the time at which training ended, so a failure passes for a slow success. Use "
                    "`inf`.",
                ),
            ),
            WrongAnswer(
                "failures take no time",
                _target_failed_are_zero,
                Bilingual(
                    "실패한 시드가 0초가 되었습니다. 가장 나쁜 시드가 가장 빠른 시드로 보입니다.",
                    "A failed seed takes 0 seconds: the worst seed looks like the fastest.",
                ),
            ),
            WrongAnswer(
                "failures are NaN",
                _target_failed_are_nan,
                Bilingual(
                    "실패한 시드가 NaN입니다. `inf`로 두십시오. 무한대는 어떤 수보다 늦어서 중앙값을 구할 수 있지만, NaN이 하나라도 섞이면 중앙값도 "
                    "NaN입니다.",
                    "A failed seed is NaN. Give `inf`: later than every number, it leaves a median, and one NaN makes the "
                    "median NaN as well.",
                ),
            ),
            WrongAnswer(
                "above the target, not at it",
                _target_strictly_above,
                Bilingual(
                    "목표와 똑같은 리턴을 실패로 셌습니다. 목표에 이른 것이므로 `>`가 아니라 `>=`입니다.",
                    "A return of just the target counts as a failure. It is at the target: use `>=`, not `>`.",
                ),
            ),
            WrongAnswer(
                "nearly the target will do",
                _target_nearly,
                Bilingual(
                    "목표의 95 %만 되어도 이른 것으로 셌습니다. 여유를 두지 말고 `returns >= target`으로 비교하십시오.",
                    "95 % of the target counts as reached. Leave no room: compare `returns >= target`.",
                ),
            ),
            WrongAnswer(
                "0.75 whatever the target",
                _target_always_the_same,
                Bilingual(
                    "목표를 0.75로 적어 두었습니다. 태스크마다 목표가 다르므로 인자 `target`을 쓰십시오.",
                    "0.75 is written into it. Each task has a target of its own: use the argument `target`.",
                ),
            ),
            WrongAnswer(
                "a place, not a time",
                _target_place,
                Bilingual(
                    "몇 번째 평가인지를 돌려주었습니다. 그때의 시각 `seconds[first]`가 답입니다.",
                    "That is the number of the look. The answer is its time, `seconds[first]`.",
                ),
            ),
        ),
        also_right=(_target_by_last_below, _target_by_loop),
    )
)

# -- 5.3 an interval ----------------------------------------------------------------------------------------------


def bootstrap_interval(returns: Tensor, picks: Tensor) -> Tensor:
    """The 95 % percentile interval of the median, over resampled seeds."""
    medians = returns[picks].quantile(0.5, dim=1)  # (R,) one for each row of picks
    return medians.quantile(torch.tensor([0.025, 0.975]))


def _interval_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for seeds, draws in ((4, 40), (5, 60), (10, 100), (6, 200)):
        returns = torch.rand(seeds, generator=generator) * 0.5 + 0.3
        returns[0] = -0.5 - torch.rand(1, generator=generator)  # one that failed badly
        cases.append((returns, torch.randint(seeds, (draws, seeds), generator=generator)))
    return cases


def _interval_reference(returns: Tensor, picks: Tensor) -> Tensor:
    medians = []
    for row in picks.tolist():
        values = sorted(float(returns[k]) for k in row)
        half = len(values) // 2
        medians.append(values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2)
    medians.sort()

    def at(part: float) -> float:
        place = part * (len(medians) - 1)
        low = math.floor(place)
        high = min(low + 1, len(medians) - 1)
        return medians[low] + (place - low) * (medians[high] - medians[low])

    return torch.tensor([at(0.025), at(0.975)])


def _interval_by_sorting(returns, picks):
    drawn = returns[picks].sort(dim=1).values
    seeds = drawn.shape[1]
    medians = (drawn[:, (seeds - 1) // 2] + drawn[:, seeds // 2]) / 2
    return torch.stack([medians.quantile(0.025), medians.quantile(0.975)])


def _interval_by_rows(returns, picks):
    medians = torch.stack([returns[row].quantile(0.5) for row in picks])
    return torch.quantile(medians, torch.tensor([0.025, 0.975], dtype=medians.dtype))


def _interval_lower_middle(returns, picks):
    return returns[picks].median(dim=1).values.quantile(torch.tensor([0.025, 0.975]))


def _interval_of_means(returns, picks):
    return returns[picks].mean(dim=1).quantile(torch.tensor([0.025, 0.975]))


def _interval_of_data(returns, picks):
    return returns.quantile(torch.tensor([0.025, 0.975]))


def _interval_across_draws(returns, picks):
    return returns[picks].quantile(0.5, dim=0).quantile(torch.tensor([0.025, 0.975]))


def _interval_extremes(returns, picks):
    medians = returns[picks].quantile(0.5, dim=1)
    return torch.stack([medians.min(), medians.max()])


register(
    Exercise(
        id="5.3",
        title=Bilingual("중앙값의 부트스트랩 구간", "A bootstrap interval of the median"),
        minutes=9,
        difficulty=3,
        signature="bootstrap_interval(returns, picks)",
        reference=_interval_reference,
        solution=bootstrap_interval,
        why=Bilingual(
            "가진 시드에서 복원 추출하면, 실험을 다시 했을 때 어떤 시드를 얻을지 흉내 낼 수 있습니다. 줄마다 중앙값을 구하고, 그 중앙값들의 "
            "가운데 95%를 적습니다.",
            "Drawing the seeds again, with replacement, imitates which seeds another experiment might have had. "
            "Each row "
            "gives a median; the middle 95 % of these medians is the interval.",
        ),
        hints=(
            Bilingual(
                "`picks`의 한 줄은 다시 해 본 실험 하나입니다. 그 실험의 중앙값은 무엇입니까?",
                "A row of `picks` is one experiment done again. What is its median?",
            ),
            Bilingual(
                "`returns[picks]`는 (R, n)입니다. 짝수 개에서 `torch.median`은 아래쪽 값을 줍니다. `quantile(0.5, dim=1)`을 쓰십시오.",
                "`returns[picks]` is (R, n). For an even number `torch.median` gives the lower one: use "
                "`quantile(0.5, dim=1)`.",
            ),
            Bilingual(
                "마지막으로 `medians.quantile(torch.tensor([0.025, 0.975]))`입니다.",
                "Last: `medians.quantile(torch.tensor([0.025, 0.975]))`.",
            ),
        ),
        cases=_interval_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "the lower middle",
                _interval_lower_middle,
                Bilingual(
                    "`torch.median`은 값이 짝수 개일 때 가운데 둘의 평균이 아니라 작은 쪽을 줍니다. 시드 10개에서 조용히 낮은 값이 나옵니다.",
                    "For an even number of values `torch.median` gives the smaller of the two in the middle, not their "
                    "mean. "
                    "With 10 seeds it is too low, without a warning.",
                ),
            ),
            WrongAnswer(
                "means, not medians",
                _interval_of_means,
                Bilingual(
                    "중앙값이 아니라 평균의 구간입니다. 크게 실패한 시드 하나가 구간을 끌고 갑니다.",
                    "That is the interval of the mean, not of the median. One seed that failed badly drags it along.",
                ),
            ),
            WrongAnswer(
                "quantiles of the seeds",
                _interval_of_data,
                Bilingual(
                    "시드 자체의 분위수입니다. 시드가 얼마나 흩어졌는지이지, 중앙값을 얼마나 믿을 수 있는지가 아닙니다.",
                    "Those are quantiles of the seeds: how widely they lie, not how well the median is known.",
                ),
            ),
            WrongAnswer(
                "along the wrong axis",
                _interval_across_draws,
                Bilingual(
                    "축이 틀렸습니다. 줄(실험)마다가 아니라 열마다 중앙값을 구했습니다.",
                    "The wrong axis: a median for each column instead of each row (experiment).",
                ),
            ),
            WrongAnswer(
                "least and most",
                _interval_extremes,
                Bilingual(
                    "가장 작은 중앙값과 가장 큰 중앙값입니다. 더 많이 뽑을수록 넓어지기만 합니다. 2.5%와 97.5% 분위수를 쓰십시오.",
                    "Those are the least and the most of the medians: the more you draw, the wider they get. Use the "
                    "2.5 % and 97.5 % quantiles.",
                ),
            ),
        ),
        also_right=(_interval_by_sorting, _interval_by_rows),
    )
)

# -- 5.4 a task of one's own --------------------------------------------------------------------------------------


def two_boards(small: int, big: int, prize: float) -> tuple[Tensor, Tensor, Tensor]:
    """The tables of the two boards: next_state (M, 3, A), reward (M, 3, 3, A), sense (M, 3)."""
    problem = torch.arange(small * big)  # (M,)
    a, b = problem // big, problem % big
    next_state = torch.zeros(len(problem), 3, 2 + small, dtype=torch.int64)
    next_state[:, :, 0] = 1  # read board A
    next_state[:, :, 1] = 2  # read board B
    reward = torch.zeros(len(problem), 3, 3, 2 + small)
    reward[problem, 1, :, 2 + a] = prize
    reward[problem, 2, :, 2 + b] = 1.0
    sense = torch.stack([torch.zeros_like(a), 1 + a, 1 + small + b], dim=1)
    return next_state, reward, sense


def _board_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for small, big in ((3, 2), (4, 3), (8, 2), (5, 4)):
        cases.append((small, big, round(float(torch.rand(1, generator=generator)) * 0.6 + 0.1, 3)))
    return cases


def _boards_reference(small: int, big: int, prize: float) -> tuple[Tensor, Tensor, Tensor]:
    doors = range(small)
    next_state, reward, sense = [], [], []
    for a in doors:
        for b in range(big):
            row = [1, 2] + [0] * small
            pays_a = [0.0, 0.0] + [prize if door == a else 0.0 for door in doors]
            pays_b = [0.0, 0.0] + [1.0 if door == b else 0.0 for door in doors]
            next_state.append([row] * 3)
            reward.append([[[0.0] * (2 + small)] * 3, [pays_a] * 3, [pays_b] * 3])
            sense.append([0, 1 + a, 1 + small + b])
    return torch.tensor(next_state), torch.tensor(reward), torch.tensor(sense)


def _boards_by_one_hot(small, big, prize):
    problem = torch.arange(small * big)
    a, b = problem.div(big, rounding_mode="floor"), problem.remainder(big)
    goes = torch.zeros(2 + small, dtype=torch.int64)
    goes[:2] = torch.tensor([1, 2])
    right = torch.stack([prize * F.one_hot(a, small), F.one_hot(b, small).float()], dim=1)  # (M, 2, doors)
    right = F.pad(right, (2, 0, 1, 0))  # nothing for reading, nothing while exploring
    return (
        goes.expand(len(problem), 3, -1).clone(),
        right[:, :, None].repeat(1, 1, 3, 1),
        torch.stack([0 * a, 1 + a, 1 + small + b], dim=1),
    )


def _boards_by_loop(small, big, prize):
    count = small * big
    next_state = torch.zeros(count, 3, 2 + small, dtype=torch.int64)
    reward, sense = torch.zeros(count, 3, 3, 2 + small), torch.zeros(count, 3, dtype=torch.int64)
    for m in range(count):
        a, b = divmod(m, big)
        next_state[m, :, :2] = torch.tensor([1, 2])
        reward[m, 1, :, 2 + a], reward[m, 2, :, 2 + b] = prize, 1.0
        sense[m, 1], sense[m, 2] = 1 + a, 1 + small + b
    return next_state, reward, sense


def _boards_lobby_tells(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, reward, torch.cat([torch.arange(small * big)[:, None], sense[:, 1:]], dim=1)


def _boards_exploration_pays(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, torch.cat([reward[:, 1:2], reward[:, 1:]], dim=1), sense


def _boards_prizes_swapped(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, torch.stack([reward[:, 0], (reward[:, 1] > 0) * 1.0, (reward[:, 2] > 0) * prize], dim=1), sense


def _boards_reading_pays(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, reward.roll(-2, dims=3), sense


def _boards_small_reading_pays(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, torch.stack([reward[:, 0], reward[:, 1].roll(-2, dims=2), reward[:, 2]], dim=1), sense


def _boards_big_reading_pays(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, torch.stack([reward[:, 0], reward[:, 1], reward[:, 2].roll(-2, dims=2)], dim=1), sense


def _boards_same_symbols(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, reward, torch.stack([sense[:, 0], sense[:, 1], sense[:, 2] - small], dim=1)


def _boards_one_board(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    return next_state, reward, torch.stack([sense[:, 0], sense[:, 1], sense[:, 1]], dim=1)


def _boards_other_order(small, big, prize):
    next_state, reward, sense = two_boards(small, big, prize)
    order = torch.arange(small * big).view(small, big).T.flatten()
    return next_state, reward[order], sense[order]


register(
    Exercise(
        id="5.4",
        title=Bilingual("표 세 장으로 된 태스크", "A task in three tables"),
        minutes=12,
        difficulty=4,
        signature="two_boards(small, big, prize)",
        reference=_boards_reference,
        solution=two_boards,
        why=Bilingual(
            "표가 곧 태스크입니다. `sense`의 로비 열이 모든 문제에서 같아야 숨은 것이 숨은 채로 남고, 탐험(지시 0)의 보상이 0이어야 탐험의 가치가 실행에서만 나옵니다.",
            "The tables are the task. Only if the lobby's column of `sense` is the same in all problems does "
            "what is hidden "
            "stay hidden, and only if exploring (instruction 0) pays 0 is it paid by execution alone.",
        ),
        hints=(
            Bilingual(
                "문제 하나는 (a, b) 한 쌍입니다. m에서 a와 b를 어떻게 되찾습니까?",
                "A problem is a pair (a, b). How do you get a and b back from m?",
            ),
            Bilingual(
                "a는 `problem // big`, b는 `problem % big`입니다. `reward[problem, 1, :, 2 + a] = prize`처럼 문제마다 다른 행동을 한 "
                "번에 채울 수 있습니다.",
                "a is `problem // big` and b is `problem % big`. An action that differs from problem to problem is "
                "filled at "
                "once by `reward[problem, 1, :, 2 + a] = prize`.",
            ),
            Bilingual(
                "`sense`는 세 열을 쌓은 것입니다: 로비 0, 게시판 A `1 + a`, 게시판 B `1 + small + b`.",
                "`sense` stacks three columns: the lobby 0, board A `1 + a`, board B `1 + small + b`.",
            ),
        ),
        cases=_board_cases,
        indices_matter=True,
        wrong=(
            WrongAnswer(
                "the lobby gives it away",
                _boards_lobby_tells,
                Bilingual(
                    "로비에서 이미 문제의 번호가 보입니다. 탐험할 것이 없어져서, 모든 방법이 똑같이 최적이 됩니다.",
                    "The lobby shows the problem's number. Nothing is left to explore, and every method is optimal "
                    "alike.",
                ),
            ),
            WrongAnswer(
                "exploration pays",
                _boards_exploration_pays,
                Bilingual(
                    "탐험(지시 0)에도 상금이 걸려 있습니다. 지시 0의 보상은 모두 0이어야 합니다.",
                    "Exploring (instruction 0) is paid the prize as well. All rewards of instruction 0 must be 0.",
                ),
            ),
            WrongAnswer(
                "prizes swapped",
                _boards_prizes_swapped,
                Bilingual(
                    "상금이 뒤바뀌었습니다. 지시 1(문이 많은 쪽)이 `prize`, 지시 2가 1입니다.",
                    "The prizes are swapped: instruction 1, the one with many doors, pays `prize`, instruction 2 pays "
                    "1.",
                ),
            ),
            WrongAnswer(
                "reading pays",
                _boards_reading_pays,
                Bilingual(
                    "상금이 두 칸 앞의 행동에 걸려 있습니다. 행동 0과 1은 게시판 읽기이고, 문 d는 행동 `2 + d`입니다.",
                    "The prizes lie two actions too early. Actions 0 and 1 read the boards; door d is action `2 + "
                    "d`.",
                ),
            ),
            WrongAnswer(
                "reading pays the small prize",
                _boards_small_reading_pays,
                Bilingual(
                    "작은 상금(지시 1)이 두 칸 앞의 행동에 걸려 있습니다. 문 a를 여는 행동은 `2 + a`입니다.",
                    "The small prize (instruction 1) lies two actions too early. Door a is opened by action `2 + a`.",
                ),
            ),
            WrongAnswer(
                "reading pays the big prize",
                _boards_big_reading_pays,
                Bilingual(
                    "큰 상금(지시 2)이 두 칸 앞의 행동에 걸려 있습니다. 문 b를 여는 행동은 `2 + b`입니다.",
                    "The big prize (instruction 2) lies two actions too early. Door b is opened by action `2 + b`.",
                ),
            ),
            WrongAnswer(
                "symbols of A on board B",
                _boards_same_symbols,
                Bilingual(
                    "게시판 B가 게시판 A와 같은 기호를 씁니다. 그러면 무엇을 읽었는지 구별할 수 없습니다. `small`을 더해 `1 + small + b`로 하십시오.",
                    "Board B shows symbols of board A, so what was read can't be told. Add `small`: `1 + small + b`.",
                ),
            ),
            WrongAnswer(
                "both boards show a",
                _boards_one_board,
                Bilingual(
                    "게시판 B도 a를 보여 줍니다. B는 `1 + small + b`를 보여 주어야 합니다.",
                    "Board B shows a as well. It has to show `1 + small + b`.",
                ),
            ),
            WrongAnswer(
                "problems in another order",
                _boards_other_order,
                Bilingual(
                    "문제의 번호를 매기는 순서가 다릅니다. b가 먼저 바뀝니다: `m = a * big + b`.",
                    "The problems are numbered in another order. b changes first: `m = a * big + b`.",
                ),
            ),
        ),
        also_right=(_boards_by_one_hot, _boards_by_loop),
    )
)

# -- 5.5 a silent bug ---------------------------------------------------------------------------------------------


def strangers_report(train_return: Tensor, test_return: Tensor) -> Tensor:
    """What is reported of each seed: the return at its best checkpoint, (seeds,)."""
    best = test_return.argmax(dim=1)
    return test_return.gather(1, best[:, None])[:, 0]


def honest_report(train_return: Tensor, test_return: Tensor) -> Tensor:
    """The test return at the checkpoint that was best on training problems, (seeds,)."""
    best = train_return.argmax(dim=1)
    return test_return.gather(1, best[:, None])[:, 0]


def _report_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for seeds, looks in ((3, 4), (5, 8), (10, 20), (4, 12)):
        train = torch.rand(seeds, looks, generator=generator)
        test = torch.rand(seeds, looks, generator=generator)
        train[0, 1], test[0, 2], test[0, 1] = 2.0, 2.0, 0.5  # their bests lie apart, for certain
        train[1, 0], train[1, 2] = 3.0, 1.5  # and differ between seeds
        cases.append((train, test))
    return cases


def _report_reference(train_return: Tensor, test_return: Tensor) -> Tensor:
    found = []
    for train, test in zip(train_return.tolist(), test_return.tolist(), strict=True):
        found.append(test[train.index(max(train))])
    return torch.tensor(found)


def _report_by_index(train_return, test_return):
    return test_return[torch.arange(len(test_return)), train_return.max(dim=1).indices]


def _report_by_mask(train_return, test_return):
    chosen = train_return == train_return.max(dim=1, keepdim=True).values
    return torch.where(chosen, test_return, torch.zeros_like(test_return)).sum(dim=1)


def _report_train(train_return, test_return):
    return train_return.max(dim=1).values


def _report_last(train_return, test_return):
    return test_return[:, -1]


def _report_one_for_all(train_return, test_return):
    return test_return[:, int(train_return.mean(dim=0).argmax())]


def _report_mean(train_return, test_return):
    return test_return.mean(dim=1)


register(
    Exercise(
        id="5.5",
        title=Bilingual("조용한 버그: 모든 시드가 우연보다 낫습니다", "A silent bug: every seed above chance"),
        minutes=8,
        difficulty=3,
        signature="honest_report(train_return, test_return)",
        reference=_report_reference,
        solution=honest_report,
        why=Bilingual(
            "잡음이 섞인 값들의 최댓값은 그 값들의 기댓값보다 큽니다. 같은 수로 고르고 또 재면 그만큼이 거저 더해집니다. 학습 문제로 고르면 테스트의 잡음은 "
            "고르는 일과 상관이 없으므로 치우치지 않습니다.",
            "The largest of several noisy numbers lies above their expectation. Choose and measure by the same "
            "numbers, and "
            "that much is added for nothing. Chosen on training problems, the test's noise had no part in the "
            "choice.",
        ),
        hints=(
            Bilingual(
                "이 코드는 테스트 리턴을 두 번 씁니다. 한 번은 재는 데, 또 한 번은 어디에 씁니까?",
                "This code uses the test return twice: once to measure. And what else for?",
            ),
            Bilingual(
                "체크포인트는 학습 문제의 리턴으로 고르고, 보고는 그 체크포인트의 테스트 리턴으로 하십시오.",
                "Choose the checkpoint by the return on training problems; report the test return at that "
                "checkpoint.",
            ),
            Bilingual(
                "`best = train_return.argmax(dim=1)` 한 줄만 다릅니다.",
                "Only one line differs: `best = train_return.argmax(dim=1)`.",
            ),
        ),
        cases=_report_cases,
        wrong=(
            WrongAnswer(
                "the best test return",
                strangers_report,
                Bilingual(
                    "낯선 이의 코드와 똑같습니다. 테스트로 고르고 테스트로 재므로, 아무것도 배우지 않은 정책도 좋아 보입니다.",
                    "Just what the stranger's code does. Chosen and measured on the test, even a policy that learned "
                    "nothing looks good.",
                ),
            ),
            WrongAnswer(
                "the best training return",
                _report_train,
                Bilingual(
                    "학습 문제의 최고 리턴을 보고했습니다. 고른 수로 다시 쟀고, 게다가 테스트 문제도 아닙니다.",
                    "This reports the best return on training problems: measured by what chose it, and not on the test "
                    "at all.",
                ),
            ),
            WrongAnswer(
                "the last checkpoint",
                _report_last,
                Bilingual(
                    "마지막 체크포인트입니다. 치우치지 않는 좋은 방법이고 이 과정의 표도 그렇게 만듭니다. 다만 이 연습에서는 시드마다 체크포인트를 **고릅니다**.",
                    "That is the last checkpoint: a good way, without bias, and how this course makes its table. But "
                    "here a checkpoint is **chosen** for each seed.",
                ),
            ),
            WrongAnswer(
                "one checkpoint for all seeds",
                _report_one_for_all,
                Bilingual(
                    "모든 시드에 같은 체크포인트를 썼습니다. 시드마다 따로 고르십시오.",
                    "The same checkpoint is used for all seeds. Choose one for each seed.",
                ),
            ),
            WrongAnswer(
                "the mean of all checkpoints",
                _report_mean,
                Bilingual(
                    "모든 체크포인트의 평균입니다. 학습하는 방법이라면 초반의 낮은 값이 섞입니다.",
                    "That is the mean over all checkpoints; where a method learns, its poor beginning is mixed in.",
                ),
            ),
        ),
        also_right=(_report_by_index, _report_by_mask),
    )
)

# -- the quiz -----------------------------------------------------------------------------------------------------

ask(
    Question(
        id="5.a",
        text=Bilingual(
            "시드 10개의 결과가 소수 여섯째 자리까지 모두 같고, 학습 곡선도 점마다 같습니다. 가장 먼저 의심할 것은 무엇입니까?",
            "All 10 seeds end alike to the sixth digit, and their learning curves agree at every point. What do "
            "you suspect first?",
        ),
        choices=(
            Choice(
                Bilingual("방법이 아주 튼튼합니다", "the method is very robust"),
                Bilingual(
                    "튼튼한 방법은 **끝**이 같을 수 있습니다. 중간의 곡선까지 같을 수는 없습니다.",
                    "A robust method may **end** alike. Its curves can't agree all along the way.",
                ),
            ),
            Choice(
                Bilingual("어딘가에서 시드를 다시 고정합니다", "something fixes the seed again"),
                Bilingual(
                    "열 번의 같은 학습입니다. 편차가 0인 표는 끝이 아니라 곡선을 비교해 보아야 합니다. 그래서 이 과정은 모든 난수를 넘겨받은 생성기에서 뽑습니다.",
                    "It is one training, ten times. Where the spread is 0, compare curves, not ends. That is why every "
                    "draw "
                    "in this course comes from a generator that is handed in.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("시드가 모자랍니다", "there are too few seeds"),
                Bilingual(
                    "같은 시드를 더 돌려도 같은 수가 나옵니다.",
                    "More runs of the same seed give the same numbers.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="5.b",
        text=Bilingual(
            "성공률이 $0.8$인 방법을 시드 2개로 시험합니다. 둘 다 성공할 확률은 얼마입니까?",
            "A method that succeeds with chance $0.8$ is tried on 2 seeds. What is the chance that both succeed?",
        ),
        choices=(
            Choice(
                Bilingual("0.64", "0.64"),
                Bilingual(
                    "그러니 시드 2개의 100%만으로는 거의 아무것도 알 수 없습니다. 성공률이 절반인 방법도 넷에 한 번은 둘 다 성공합니다.",
                    "So 100 % of 2 seeds says next to nothing. Even a method that succeeds half the time does so in one "
                    "case of four.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("0.80", "0.80"),
                Bilingual("그것은 시드 하나의 확률입니다.", "That is the chance for one seed."),
            ),
            Choice(
                Bilingual("0.96", "0.96"),
                Bilingual(
                    "그것은 적어도 하나가 성공할 확률, 곧 $1 - 0.2^2$입니다.",
                    "That is the chance that at least one succeeds, $1 - 0.2^2$.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="5.c",
        text=Bilingual(
            "게시판 두 개의 태스크에서 DREAM은 왜 게시판 A를 읽습니까?",
            "On the two boards, why does DREAM read board A?",
        ),
        choices=(
            Choice(
                Bilingual("탐험과 실행이 서로를 기다려서", "exploration and execution wait for each other"),
                Bilingual(
                    "DREAM은 바로 그 결합을 끊습니다. 여기서는 실행을 기다리지 않고 A를 읽습니다.",
                    "That coupling is just what DREAM cuts. Here it reads A without waiting for execution.",
                ),
            ),
            Choice(
                Bilingual("학습이 모자라서", "it has not trained enough"),
                Bilingual(
                    "탐험의 목적 함수를 정확히 최대화해도 A를 읽습니다. 네 배 더 학습해도 마찬가지입니다.",
                    "Maximising exploration's objective exactly reads A as well. So does four times the training.",
                ),
            ),
            Choice(
                Bilingual("nat을 세고, nat의 가치를 묻지 않아서", "it counts nats and does not ask what a nat is worth"),
                Bilingual(
                    "A는 2.08 nat, B는 0.69 nat입니다. λ가 이렇게 작으면 병목은 A가 알려 주는 것을 버리지 않습니다. 작은 상금이 0이라 쓸모가 없어도 그렇습니다(시드 10개 모두). 둘 다 알아낼 시간이 있으면 차이가 없습니다.",
                    "A tells 2.08 nats, B 0.69. At so small a λ the bottleneck keeps what A tells, even where the small prize "
                    "is 0 and it is of no use (all 10 seeds). With time to find out both there would be no difference.",
                ),
                right=True,
            ),
        ),
    )
)
ask(
    Question(
        id="5.d",
        text=Bilingual(
            "여러분의 방법이 과제의 도시에서 DREAM보다 빨리 최적에 이르렀습니다. 무엇을 말할 수 있습니까?",
            "Your method reached the optimum of the homework's city sooner than DREAM. What may you claim?",
        ),
        choices=(
            Choice(
                Bilingual(
                    "표를 아는 이 방법은 시드 10개 가운데 7개에서 최적에 이릅니다",
                    "knowing the tables, it reaches the optimum in 7 of 10 seeds",
                ),
                Bilingual(
                    "잰 만큼만 말하는 주장입니다. 비교할 때는 점수 옆에 무엇을 알려 주었는지 적습니다.",
                    "A claim of the right size. Beside a score belongs what the method was told.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("DREAM보다 좋은 방법입니다", "it is a better method than DREAM"),
                Bilingual(
                    "실행이 태스크의 표를 통째로 압니다. DREAM은 학습하는 동안 문제의 번호만 압니다.",
                    "Its execution knows the task's tables whole. DREAM knows only the problem's number, in "
                    "training.",
                ),
            ),
            Choice(
                Bilingual("아무 말도 할 수 없습니다", "nothing at all"),
                Bilingual(
                    "기준선으로는 쓸모가 있습니다. 표를 알면 이렇게 빨리 풀리는 태스크에서는, 복잡한 방법이 성공했다는 것만으로 알 수 있는 것이 적습니다.",
                    "It is useful as a baseline: where the tables solve a task so soon, a complicated method's success "
                    "says little.",
                ),
            ),
        ),
    )
)
