"""The exercises of lesson 02: posterior sampling, PEARL's product and KL, who teaches the encoder, a silent bug."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.agents.pearl import kl_to_prior
from course_lib.bilingual import Bilingual
from course_lib.lesson.exercise import Exercise, WrongAnswer, register
from course_lib.lesson.quiz import Choice, Question, ask

# What goes wrong wherever Gaussians are multiplied: the exercises 2.2 and 2.5.
PRODUCT_TEACHES_NOTHING = Bilingual(
    "숫자는 맞지만 `mean`과 `variance`로 그래디언트가 흐르지 않습니다. 이 곱으로는 인코더가 배우지 못합니다. `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
    "The numbers are right, but no gradient flows into `mean` and `variance`: with this product the encoder can't learn. Look for `detach`, `no_grad` or `.item()`.",
)

# -- 2.1 posterior sampling ---------------------------------------------------------------------------------------


class Corridor:
    """A line of cells with one that pays: reset() → cell 0; step(−1, 0 or 1) → reward, arrived."""

    def __init__(self, goal: int) -> None:
        self.goal, self.cell = goal, 0

    def __repr__(self) -> str:
        return f"a corridor whose goal is cell {self.goal}"

    def reset(self) -> int:
        self.cell = 0
        return self.cell

    def step(self, action: int) -> tuple[float, int]:
        self.cell += action
        return (1.0 if self.cell == self.goal else -0.1), self.cell


def posterior_sampling(world, draw, act, episodes, horizon):
    """One trial: a z for each episode, drawn from what was experienced before it."""
    experiences = []
    for _ in range(episodes):
        state, z = world.reset(), draw(experiences)
        for _ in range(horizon):
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state = arrived
    return experiences


class Draw:
    """In place of a random draw: a candidate that agrees with all experiences, and another one at each call."""

    def __init__(self, candidates: list[int]) -> None:
        self.candidates, self.calls = candidates, 0

    def __repr__(self) -> str:
        return f"call by call another of {self.candidates} that agrees with all experiences"

    def __call__(self, experiences: list[tuple]) -> int:
        paid = [arrived for _, arrived, _, reward in experiences if reward > 0]
        refuted = {arrived for _, arrived, _, reward in experiences if reward <= 0}
        left = paid or [cell for cell in self.candidates if cell not in refuted] or [0]
        self.calls += 1
        # Where it goes on depends on how many there are: whoever leaves some out draws another one.
        return left[(self.calls - 1 + len(experiences)) % len(left)]


class Walk:
    """A policy that is not the same at each call, as a random one isn't."""

    def __init__(self) -> None:
        self.calls = 0

    def __repr__(self) -> str:
        return "one step towards z, but at every fourth call it stays"

    def __call__(self, state: int, z: int) -> int:
        self.calls += 1
        return 0 if self.calls % 4 == 0 else (z > state) - (z < state)


def _corridor_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for number, (reach, episodes) in enumerate(((2, 2), (3, 3), (3, 4), (4, 5), (5, 6))):
        cells = [cell for cell in range(-reach, reach + 1) if cell != 0]
        order = [cells[k] for k in torch.randperm(len(cells), generator=generator).tolist()]
        if number < 3:  # the first cell that is tried is far away, and is not the goal
            order.sort(key=lambda cell: abs(cell) < reach)
            goal = order[int(torch.randint(1, len(order), (), generator=generator))]
        else:  # the nearest cells are tried first, on either side: each episode rules out one or two more
            order.sort(key=abs)
            goal = order[-1]
        horizon = reach + reach // 2 + 2 + int(torch.randint(3, (), generator=generator))
        cases.append((Corridor(goal), Draw(order), Walk(), episodes, horizon))
    return cases


def _sampling_reference(world, draw, act, episodes, horizon):
    seen, z, state = [], None, None
    for t in range(episodes * horizon):
        if t % horizon == 0:
            state = world.reset()
            z = draw(list(seen))
        action = act(state, z)
        reward, after = world.step(action)
        seen = [*seen, (state, after, action, reward)]
        state = after
    return seen


def _sampling_by_while(world, draw, act, episodes, horizon):
    experiences = []
    while len(experiences) < episodes * horizon:
        z, state, clock = draw(experiences), world.reset(), 0
        while clock < horizon:
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state, clock = arrived, clock + 1
    return experiences


def _sampling_by_episodes(world, draw, act, episodes, horizon):
    def episode(before):
        state, z, these = world.reset(), draw(before), []
        for _ in range(horizon):
            action = act(state, z)
            reward, arrived = world.step(action)
            these.append((state, arrived, action, reward))
            state = arrived
        return these

    everything = []
    for _ in range(episodes):
        everything = everything + episode(everything)
    return everything


def redrawn_at_each_step(world, draw, act, episodes, horizon):
    """What the lecture's page writes, in which line 5 stands inside the loop over steps."""
    experiences = []
    for _ in range(episodes):
        state = world.reset()
        for _ in range(horizon):
            z = draw(experiences)
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state = arrived
    return experiences


def _sampling_redrawn_without_news(world, draw, act, episodes, horizon):
    experiences = []
    for _ in range(episodes):
        state, before = world.reset(), list(experiences)
        for _ in range(horizon):
            action = act(state, draw(before))
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state = arrived
    return experiences


def _sampling_once(world, draw, act, episodes, horizon):
    experiences = []
    z = draw(experiences)
    for _ in range(episodes):
        state = world.reset()
        for _ in range(horizon):
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state = arrived
    return experiences


def _sampling_from_nothing(world, draw, act, episodes, horizon):
    return posterior_sampling(world, lambda experiences: draw([]), act, episodes, horizon)


def _sampling_acting_twice(world, draw, act, episodes, horizon):
    experiences = []
    for _ in range(episodes):
        state, z = world.reset(), draw(experiences)
        for _ in range(horizon):
            reward, arrived = world.step(act(state, z))
            experiences.append((state, arrived, act(state, z), reward))
            state = arrived
    return experiences


def _sampling_forgetful(world, draw, act, episodes, horizon):
    for _ in range(episodes):
        experiences = posterior_sampling(world, draw, act, 1, horizon)
    return experiences


def _sampling_by_the_last_episode(world, draw, act, episodes, horizon):
    return posterior_sampling(world, lambda experiences: draw(experiences[-horizon:]), act, episodes, horizon)


def _sampling_without_the_newest(world, draw, act, episodes, horizon):
    return posterior_sampling(world, lambda experiences: draw(experiences[:-1]), act, episodes, horizon)


def _sampling_arranged(arrange):
    """Posterior sampling that keeps each experience in an order of its own."""

    def sampling(world, draw, act, episodes, horizon):
        experiences = []
        for _ in range(episodes):
            state, z = world.reset(), draw(experiences)
            for _ in range(horizon):
                action = act(state, z)
                reward, arrived = world.step(action)
                experiences.append(arrange(state, arrived, action, reward))
                state = arrived
        return experiences

    return sampling


def _sampling_without_reset(world, draw, act, episodes, horizon):
    experiences, state = [], world.reset()
    for _ in range(episodes):
        z = draw(experiences)
        for _ in range(horizon):
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
            state = arrived
    return experiences


def _sampling_standing(world, draw, act, episodes, horizon):
    experiences = []
    for _ in range(episodes):
        state, z = world.reset(), draw(experiences)
        for _ in range(horizon):
            action = act(state, z)
            reward, arrived = world.step(action)
            experiences.append((state, arrived, action, reward))
    return experiences


register(
    Exercise(
        id="2.1",
        title=Bilingual("사후 샘플링", "Posterior sampling"),
        minutes=10,
        difficulty=2,
        signature="posterior_sampling(world, draw, act, episodes, horizon)",
        reference=_sampling_reference,
        solution=posterior_sampling,
        why=Bilingual(
            "강의의 여덟 줄과 다른 곳은 하나입니다. `draw`가 안쪽 반복문이 아니라 바깥쪽 반복문에 있습니다. 그래서 $z$ 하나가 한 에피소드 내내 행동을 이끕니다. "
            "경험은 에피소드가 바뀌어도 그대로 남습니다.",
            "It differs from the lecture's eight lines in one place: `draw` stands in the outer loop, not in the "
            "inner one. So one $z$ "
            "leads the whole episode. The experiences stay when a new episode begins.",
        ),
        hints=(
            Bilingual(
                "반복문이 둘 필요합니다. 바깥은 에피소드, 안은 스텝입니다. 각 줄이 둘 가운데 어디에 들어갑니까?",
                "Two loops are needed: episodes outside, steps inside. In which of the two does each line belong?",
            ),
            Bilingual(
                "에피소드가 시작할 때: `state = world.reset()`과 `z = draw(experiences)`. `experiences = []`는 트라이얼에 한 번뿐입니다.",
                "When an episode begins: `state = world.reset()` and `z = draw(experiences)`. `experiences = []` "
                "comes once a trial.",
            ),
            Bilingual(
                "안쪽에서 `action = act(state, z)`, `reward, arrived = world.step(action)`, "
                "`experiences.append((state, arrived, action, reward))`, `state = arrived`.",
                "Inside: `action = act(state, z)`, `reward, arrived = world.step(action)`, "
                "`experiences.append((state, arrived, action, reward))`, `state = arrived`.",
            ),
        ),
        cases=_corridor_cases,
        wrong=(
            WrongAnswer(
                "drawn again at each step",
                redrawn_at_each_step,
                Bilingual(
                    "스텝마다 $z$를 다시 뽑았습니다. 강의의 5번 줄 그대로입니다. 사후 샘플링은 에피소드가 시작할 때만 뽑습니다.",
                    "This draws $z$ again at each step, as line 5 of the lecture does. Posterior sampling draws when "
                    "an episode begins.",
                ),
            ),
            WrongAnswer(
                "drawn again at each step, from what came before the episode",
                _sampling_redrawn_without_news,
                Bilingual(
                    "스텝마다 $z$를 다시 뽑았습니다. 앞 에피소드까지의 경험만 쓰더라도 뽑을 때마다 다른 $z$가 나옵니다. 에피소드가 시작할 때 한 번만 뽑으십시오.",
                    "This draws $z$ again at each step. Even from nothing but earlier episodes each draw is another $z$. "
                    "Draw once, when an episode begins.",
                ),
            ),
            WrongAnswer(
                "drawn once a trial",
                _sampling_once,
                Bilingual(
                    "$z$를 트라이얼에 한 번만 뽑았습니다. 경험을 모으고도 쓰지 않은 것입니다. 에피소드마다 다시 뽑으십시오.",
                    "This draws $z$ once a trial, and what was experienced is never used. Draw again when each "
                    "episode begins.",
                ),
            ),
            WrongAnswer(
                "experiences forgotten",
                _sampling_forgetful,
                Bilingual(
                    "에피소드마다 `experiences`를 비웠습니다. 사후 분포는 트라이얼 전체의 경험에서 나옵니다.",
                    "`experiences` is emptied with each episode. The posterior is that of all experiences of the "
                    "trial.",
                ),
            ),
            WrongAnswer(
                "drawn from no experience",
                _sampling_from_nothing,
                Bilingual(
                    "`draw`에 빈 리스트를 주었습니다. 그러면 에피소드마다 사전 분포에서 뽑습니다. 지금까지의 `experiences`를 주십시오.",
                    "`draw` is given an empty list, so each episode draws from the prior. Give it the `experiences` so far.",
                ),
            ),
            WrongAnswer(
                "asked for an action twice",
                _sampling_acting_twice,
                Bilingual(
                    "`act`를 한 스텝에 두 번 불렀습니다. 부를 때마다 다른 행동이 나올 수 있으므로, 한 번만 불러 `action`에 담고 그것으로 움직이고 그것을 기록하십시오.",
                    "`act` is called twice in a step. It may give another action each time: call it once, keep `action`, "
                    "step with it and record it.",
                ),
            ),
            WrongAnswer(
                "moved on before it was recorded",
                _sampling_arranged(lambda state, arrived, action, reward: (arrived, arrived, action, reward)),
                Bilingual(
                    "기록하기 전에 `state`를 바꾸었습니다. 그러면 경험의 $s$가 떠난 곳이 아니라 도착한 곳입니다. `append` 다음에 바꾸십시오.",
                    "`state` is changed before the experience is recorded, so its $s$ is where the step led, not where it "
                    "began. Change it after `append`.",
                ),
            ),
            WrongAnswer(
                "only the last episode is used",
                _sampling_by_the_last_episode,
                Bilingual(
                    "바로 앞 에피소드의 경험만으로 $z$를 뽑았습니다. 그 전에 틀렸다고 드러난 $z$를 다시 뽑게 됩니다. `draw`에는 지금까지의 경험을 모두 주십시오.",
                    "$z$ is drawn from the last episode's experiences alone, so what was refuted before that is drawn again. Give "
                    "`draw` all experiences so far.",
                ),
            ),
            WrongAnswer(
                "the newest experience is missing",
                _sampling_without_the_newest,
                Bilingual(
                    "`draw`에 마지막 경험을 빼고 주었습니다. 방금 틀렸다고 드러난 $z$를 다시 뽑을 수 있습니다. `draw`에는 지금까지의 경험을 모두 주십시오.",
                    "`draw` is not given the last experience, so a $z$ that was refuted just now may be drawn again. Give `draw` "
                    "all experiences so far.",
                ),
            ),
            WrongAnswer(
                "in the usual order",
                _sampling_arranged(lambda state, arrived, action, reward: (state, action, reward, arrived)),
                Bilingual(
                    "경험을 `(s, a, r, s')` 순서로 담았습니다. 흔한 순서이지만, 강의의 8번 줄은 `(s, s', a, r)`이고 `draw`도 그렇게 읽습니다.",
                    "Experiences are kept as `(s, a, r, s')`. That is the usual order, but line 8 of the lecture has `(s, s', a, r)`, "
                    "and so `draw` reads them.",
                ),
            ),
            WrongAnswer(
                "reward before action",
                _sampling_arranged(lambda state, arrived, action, reward: (state, arrived, reward, action)),
                Bilingual(
                    "행동과 보상의 자리가 바뀌었습니다. 순서는 `(s, s', a, r)`입니다.",
                    "Action and reward have changed places. The order is `(s, s', a, r)`.",
                ),
            ),
            WrongAnswer(
                "never back at the start",
                _sampling_without_reset,
                Bilingual(
                    "`world.reset()`을 에피소드마다 부르지 않았습니다. 에피소드는 늘 출발점에서 시작합니다.",
                    "`world.reset()` is not called for each episode. Every episode begins at the start.",
                ),
            ),
            WrongAnswer(
                "the state never moves",
                _sampling_standing,
                Bilingual(
                    "`state`를 새로 도착한 곳으로 바꾸지 않았습니다. 정책은 아직 출발점에 있다고 여깁니다.",
                    "`state` does not become where the step led. The policy believes that it still stands at the "
                    "start.",
                ),
            ),
        ),
        also_right=(_sampling_by_while, _sampling_by_episodes),
    )
)

# -- 2.2 the product of Gaussians ---------------------------------------------------------------------------------


def product_of_gaussians(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """The Gaussian that a product of N Gaussians is: (B, N, Z) → mean and variance, (B, Z) each."""
    precision = 1 / variance  # (B, N, Z)
    together = 1 / precision.sum(dim=1)  # (B, Z)
    return together * (precision * mean).sum(dim=1), together


def _factor_cases(generator: torch.Generator) -> list[tuple]:
    """In the last two a gradient is asked for, as the encoder's factors come with one. The last is as long as a trial
    of the point robot: most of its factors say nothing, and one says a lot."""
    cases = []
    for count, factors, size in ((1, 1, 1), (2, 3, 1), (4, 2, 2), (3, 8, 5), (2, 101, 1)):
        mean = torch.randn(count, factors, size, generator=generator)
        variance = 0.2 + 3 * torch.rand(count, factors, size, generator=generator)
        if factors > 100:
            variance[:, 5:], variance[:, 4], variance[0, 3] = 1e9, 20.0, 0.01
        cases.append((mean.requires_grad_(factors > 4), variance.requires_grad_(factors > 4)))
    return cases


def _product_reference(mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """One factor after another."""
    m, v = mean[:, 0], variance[:, 0]
    for n in range(1, mean.shape[1]):
        other, spread = mean[:, n], variance[:, n]
        m, v = (m * spread + other * v) / (v + spread), v * spread / (v + spread)
    return m, v


def _product_by_pairs(mean, variance):
    m, v = mean[:, 0], variance[:, 0]
    for n in range(1, mean.shape[1]):
        total = v + variance[:, n]
        m, v = (m * variance[:, n] + mean[:, n] * v) / total, v * variance[:, n] / total
    return m, v


def _product_by_weights(mean, variance):
    precision = variance.reciprocal()
    weight = precision / precision.sum(dim=1, keepdim=True)
    return torch.einsum("bnz,bnz->bz", weight, mean), precision.sum(dim=1).reciprocal()


def _product_averaged(mean, variance):
    return mean.mean(dim=1), variance.mean(dim=1)


def _product_added(mean, variance):
    return mean.sum(dim=1), variance.sum(dim=1)


def _product_by_deviations(mean, variance):
    weight = 1 / variance.sqrt()
    return (weight * mean).sum(dim=1) / weight.sum(dim=1), 1 / weight.sum(dim=1) ** 2


def _product_with_prior(mean, variance):
    precision = 1 / variance
    together = 1 / (1 + precision.sum(dim=1))
    return together * (precision * mean).sum(dim=1), together


def _product_squared_again(mean, variance):
    return product_of_gaussians(mean, variance**2)


def _product_without_variance(mean, variance):
    _, together = product_of_gaussians(mean, variance)
    return (mean / variance).sum(dim=1), together


def _product_deviation(mean, variance):
    together, spread = product_of_gaussians(mean, variance)
    return together, spread.sqrt()


def _product_without_gradient(mean, variance):
    return product_of_gaussians(mean.detach(), variance.detach())


def _product_precision(mean, variance):
    together, spread = product_of_gaussians(mean, variance)
    return together, 1 / spread


def _product_mean_precision(mean, variance):
    precision = 1 / variance
    return (precision * mean).sum(dim=1) / precision.sum(dim=1), 1 / precision.mean(dim=1)


register(
    Exercise(
        id="2.2",
        title=Bilingual("가우시안의 곱", "A product of Gaussians"),
        minutes=8,
        difficulty=3,
        signature="product_of_gaussians(mean, variance)",
        reference=_product_reference,
        solution=product_of_gaussians,
        why=Bilingual(
            "밀도를 곱하면 지수가 더해집니다. $z^2$의 계수인 정밀도 $1/\\sigma_n^2$이 더해지고, $z$의 계수인 $m_n/\\sigma_n^2$이 더해집니다. "
            "더하기에는 순서가 없으므로 전이의 순서가 결과를 바꿀 수 없습니다.",
            "Multiplying densities adds exponents. The coefficients of $z^2$, the precisions $1/\\sigma_n^2$, add up, "
            "and so do those of "
            "$z$, which are $m_n/\\sigma_n^2$. A sum has no order, so the order of the transitions can't change "
            "the result.",
        ),
        hints=(
            Bilingual(
                "전이를 하나 더 보면 분산은 줄어야 합니다. 무엇이 더해져야 분산이 줄어듭니까?",
                "One more transition should make the variance smaller. What has to add up, so that the variance "
                "shrinks?",
            ),
            Bilingual(
                "정밀도 `1 / variance`를 인자의 축, 곧 `dim=1`을 따라 더하십시오. 새 평균은 정밀도를 무게로 한 가중 평균입니다. 무게의 합으로 나누는 것은 새 분산을 곱하는 것과 같습니다.",
                "Add up the precisions `1 / variance` along the axis of the factors, `dim=1`. The new mean is the mean weighted by "
                "them: dividing by the sum of the weights is multiplying by the new variance.",
            ),
            Bilingual(
                "`precision = 1 / variance`, `together = 1 / precision.sum(dim=1)`, 평균은 `together * (precision * "
                "mean).sum(dim=1)`입니다.",
                "`precision = 1 / variance`, `together = 1 / precision.sum(dim=1)`; the mean is `together * "
                "(precision * mean).sum(dim=1)`.",
            ),
        ),
        cases=_factor_cases,
        tolerance=1e-4,
        dtype_matters=True,
        wrong=(
            WrongAnswer(
                "averaged",
                _product_averaged,
                Bilingual(
                    "평균과 분산을 각각 평균했습니다. 그러면 아무리 많이 보아도 분산이 줄지 않습니다.",
                    "Means and variances are averaged. Then the variance never shrinks, however much is seen.",
                ),
            ),
            WrongAnswer(
                "added like random variables",
                _product_added,
                Bilingual(
                    "확률변수의 **합**을 구했습니다. 여기서는 **밀도**를 곱합니다. 분산이 아니라 정밀도 $1/\\sigma^2$이 더해집니다.",
                    "This is the **sum** of random variables. Here **densities** are multiplied: precisions $1/\\sigma^2$ "
                    "add up, not variances.",
                ),
            ),
            WrongAnswer(
                "deviations for variances",
                _product_by_deviations,
                Bilingual(
                    "가중치를 $1/\\sigma_n$으로 주었습니다. 정밀도는 $1/\\sigma_n^2$이고, 입력 `variance`는 이미 $\\sigma_n^2$입니다.",
                    "The weights are $1/\\sigma_n$. A precision is $1/\\sigma_n^2$, and `variance` is $\\sigma_n^2$ "
                    "already.",
                ),
            ),
            WrongAnswer(
                "one prior too many",
                _product_with_prior,
                Bilingual(
                    "정밀도에 1을 더했습니다. 사전 분포를 한 번 더 곱한 것입니다. 이 함수는 받은 것만 곱합니다. 우리 코드에서는 사전 분포도 "
                    "받은 것 가운데 하나입니다.",
                    "A precision of 1 is added: the prior once more. This function multiplies what it is given. In "
                    "our code the prior is one of "
                    "these already.",
                ),
            ),
            WrongAnswer(
                "variance squared again",
                _product_squared_again,
                Bilingual(
                    "`variance`를 한 번 더 제곱했습니다. 이미 $\\sigma_n^2$이므로 정밀도는 `1 / variance`입니다.",
                    "`variance` is squared once more. It is $\\sigma_n^2$ already, so the precision is `1 / variance`.",
                ),
            ),
            WrongAnswer(
                "mean without the new variance",
                _product_without_variance,
                Bilingual(
                    "분산은 맞지만 평균에 $\\sigma^2$을 곱하지 않았습니다. 지금은 무게를 곱한 합일 뿐이고, 무게의 합으로 나누어야 평균이 됩니다.",
                    "The variance is right, but the mean is not multiplied by $\\sigma^2$. So far it is a weighted sum; divided by the "
                    "sum of the weights it becomes a mean.",
                ),
            ),
            WrongAnswer(
                "deviation instead of variance",
                _product_deviation,
                Bilingual(
                    "둘째 값으로 표준편차를 돌려주었습니다. 분산 $\\sigma^2$을 그대로 돌려주십시오.",
                    "The second value is the standard deviation. Return the variance $\\sigma^2$ as it is.",
                ),
            ),
            WrongAnswer("no gradient reaches the encoder", _product_without_gradient, PRODUCT_TEACHES_NOTHING),
            WrongAnswer(
                "precision instead of variance",
                _product_precision,
                Bilingual(
                    "둘째 값으로 정밀도를 돌려주었습니다. 분산은 그 역수입니다.",
                    "The second value is the precision. The variance is one over it.",
                ),
            ),
            WrongAnswer(
                "precisions averaged",
                _product_mean_precision,
                Bilingual(
                    "정밀도를 더하지 않고 평균했습니다. 평균은 맞지만, 많이 보아도 분산이 줄지 않습니다.",
                    "The precisions are averaged, not added. The mean is right, but the variance does not shrink with "
                    "what is seen.",
                ),
            ),
        ),
        also_right=(_product_by_pairs, _product_by_weights),
    )
)

# -- 2.3 the KL to the prior --------------------------------------------------------------------------------------


def _kl_cases(generator: torch.Generator) -> list[tuple]:
    """In the last two a gradient is asked for: this is part of the encoder's loss."""
    cases = []
    for count, size in ((1, 1), (3, 1), (4, 2), (2, 5), (6, 3)):
        mean = torch.randn(count, size, generator=generator)
        variance = 0.1 + 2 * torch.rand(count, size, generator=generator)
        if count == 4:  # the prior itself, whose KL is 0, and one just beside it
            mean[:2], variance[:2] = torch.tensor([[0.0], [0.02]]), 1.0
        if count == 6:  # far from the prior, and sure of it
            mean[0], variance[0] = 6.0, 0.01
        cases.append((mean.requires_grad_(size > 2), variance.requires_grad_(size > 2)))
    return cases


def _kl_reference(mean: Tensor, variance: Tensor) -> Tensor:
    """Each number on its own."""
    rows = []
    for means, variances in zip(mean, variance, strict=True):
        rows.append(sum(0.5 * (m * m + v - 1.0 - v.log()) for m, v in zip(means, variances, strict=True)))
    return torch.stack(rows)


def _kl_by_distributions(mean, variance):
    posterior = torch.distributions.Normal(mean, variance.sqrt())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(posterior, prior).sum(dim=1)


def _kl_by_deviation(mean, variance):
    deviation = variance.sqrt()
    return ((mean.square() + deviation.square() - 1) / 2 - deviation.log()).sum(dim=1)


def _kl_reversed(mean, variance):
    return 0.5 * (1 / variance + mean**2 / variance - 1 + variance.log()).sum(dim=1)


def _kl_averaged(mean, variance):
    return 0.5 * (mean**2 + variance - 1 - variance.log()).mean(dim=1)


def _kl_sign(mean, variance):
    return 0.5 * (mean**2 + variance - 1 + variance.log()).sum(dim=1)


def _kl_doubled(mean, variance):
    return (mean**2 + variance - 1 - variance.log()).sum(dim=1)


def _kl_log_deviation(mean, variance):
    return 0.5 * (mean**2 + variance - 1 - variance.sqrt().log()).sum(dim=1)


def _kl_one_number(mean, variance):
    return kl_to_prior(mean, variance).mean()


def _kl_of_deviations(mean, variance):
    return kl_to_prior(mean, variance**2)


def _kl_of_log_variances(mean, variance):
    return kl_to_prior(mean, variance.exp())


def _kl_clamped(mean, variance):
    return kl_to_prior(mean, variance).clamp(min=0.01)


def _kl_without_gradient(mean, variance):
    return kl_to_prior(mean.detach(), variance.detach())


register(
    Exercise(
        id="2.3",
        title=Bilingual("사전 분포까지의 KL 발산", "The KL divergence to the prior"),
        minutes=6,
        difficulty=2,
        signature="kl_to_prior(mean, variance)",
        reference=_kl_reference,
        solution=kl_to_prior,
        why=Bilingual(
            "두 가우시안의 로그 밀도의 차이를 사후 분포에 대해 평균 내면 이 식이 됩니다. $m = 0$이고 $\\sigma = 1$일 때만 0이고, 다른 곳에서는 양수입니다.",
            "The mean, under the posterior, of the difference of the two log densities. It is 0 at $m = 0$, "
            "$\\sigma = 1$ alone and "
            "positive everywhere else.",
        ),
        hints=(
            Bilingual(
                "먼저 검산할 값을 정하십시오. 사후 분포가 사전 분포와 같으면 0이어야 하고, 음수가 되어서는 안 됩니다.",
                "First decide how to check it: where the posterior is the prior it must be 0, and it must never be "
                "negative.",
            ),
            Bilingual(
                "성분마다 $\\frac12(m^2 + \\sigma^2 - 1 - \\ln \\sigma^2)$입니다.",
                "For each component: $\\frac12(m^2 + \\sigma^2 - 1 - \\ln \\sigma^2)$.",
            ),
            Bilingual(
                "마지막 축에서 더합니다: `0.5 * (mean**2 + variance - 1 - variance.log()).sum(dim=-1)`",
                "Sum over the last axis: `0.5 * (mean**2 + variance - 1 - variance.log()).sum(dim=-1)`",
            ),
        ),
        cases=_kl_cases,
        wrong=(
            WrongAnswer(
                "the other way round",
                _kl_reversed,
                Bilingual(
                    "방향이 반대입니다. 이것은 $\\mathrm{KL}(p \\Vert q)$입니다. 벌점은 사후 분포 $q$에 대해 평균한 $\\mathrm{KL}(q \\Vert p)$입니다.",
                    "This is the other direction, $\\mathrm{KL}(p \\Vert q)$. The penalty is $\\mathrm{KL}(q \\Vert "
                    "p)$, a mean under the posterior $q$.",
                ),
            ),
            WrongAnswer(
                "averaged over components",
                _kl_averaged,
                Bilingual(
                    "성분에 걸쳐 평균했습니다. 독립인 성분의 KL 발산은 더해집니다.",
                    "It is averaged over components. The KL of independent components adds up.",
                ),
            ),
            WrongAnswer(
                "sign of the logarithm",
                _kl_sign,
                Bilingual(
                    "로그의 부호가 반대입니다. 분산이 작을 때 값이 음수가 됩니다. KL 발산은 음수일 수 없습니다.",
                    "The logarithm has the wrong sign. Where the variance is small this is negative, and a KL never "
                    "is.",
                ),
            ),
            WrongAnswer(
                "without the half",
                _kl_doubled,
                Bilingual("$\\frac12$이 빠졌습니다. 두 배가 되었습니다.", "The $\\frac12$ is missing: twice as much."),
            ),
            WrongAnswer(
                "logarithm of the deviation",
                _kl_log_deviation,
                Bilingual(
                    "$\\ln \\sigma^2$ 자리에 $\\ln \\sigma$를 넣었습니다.",
                    "$\\ln \\sigma$ stands where $\\ln \\sigma^2$ belongs.",
                ),
            ),
            WrongAnswer(
                "one number for the batch",
                _kl_one_number,
                Bilingual(
                    "배치 전체의 평균을 돌려주었습니다. 컨텍스트마다 하나씩, (B,)를 돌려주십시오.",
                    "This is one mean of the whole batch. Return one for each context: (B,).",
                ),
            ),
            WrongAnswer(
                "variance taken for the deviation",
                _kl_of_deviations,
                Bilingual(
                    "`variance`를 표준편차로 여겼습니다. `Normal(mean, scale)`에 주는 것은 표준편차이므로 `variance.sqrt()`입니다.",
                    "`variance` is taken for a standard deviation. That is what `Normal(mean, scale)` wants: `variance.sqrt()`.",
                ),
            ),
            WrongAnswer(
                "variance taken for its logarithm",
                _kl_of_log_variances,
                Bilingual(
                    "`variance`를 $\\ln \\sigma^2$으로 여겼습니다. VAE 코드에서 흔한 모양이지만, 여기서 받는 것은 $\\sigma^2$ 자체입니다.",
                    "`variance` is taken for $\\ln \\sigma^2$, as code of VAEs often has it. Here it is $\\sigma^2$ itself.",
                ),
            ),
            WrongAnswer(
                "never below a hundredth",
                _kl_clamped,
                Bilingual(
                    "작은 값을 잘라 올렸습니다(clamp). 사후 분포가 사전 분포와 같으면 정확히 0이고, 그 가까이에서는 아주 작은 양수입니다.",
                    "Small values are clamped. Where the posterior is the prior it is exactly 0, and close to it a tiny "
                    "positive number.",
                ),
            ),
            WrongAnswer(
                "no gradient reaches the encoder",
                _kl_without_gradient,
                Bilingual(
                    "숫자는 맞지만 그래디언트가 흐르지 않습니다. 벌점을 매겨도 인코더가 사전 분포 쪽으로 움직이지 않습니다. `detach`, `no_grad`, `.item()`을 쓰지 않았는지 보십시오.",
                    "The numbers are right, but no gradient flows: the encoder pays, and does not move towards the prior. Look for "
                    "`detach`, `no_grad` or `.item()`.",
                ),
            ),
        ),
        also_right=(_kl_by_distributions, _kl_by_deviation),
    )
)

# -- 2.4 who teaches the encoder ----------------------------------------------------------------------------------


def pearl_losses(value, policy, state, action, target, z):
    """The losses of critic and actor. Only the critic's reaches z."""
    critic_loss = ((value(state, action, z) - target) ** 2).mean()
    told = z.detach()
    actor_loss = -value(state, policy(state, told), told).mean()
    return critic_loss, actor_loss


class Policy(torch.nn.Module):
    """state (B, 2), z (B, Z) → action (B, 2), with a weight that the actor's loss has to teach."""

    __name__ = "policy"

    def __init__(self, turned: Tensor) -> None:
        super().__init__()
        self.turned = torch.nn.Parameter(turned)

    def forward(self, state: Tensor, z: Tensor) -> Tensor:
        return (state + z @ self.turned).tanh()


def _losses_cases(generator: torch.Generator) -> list[tuple]:
    """A gradient is asked for the policy's weight, which the actor's loss has to teach, and in all but the last two
    for z, which only the critic's may."""
    cases = []
    for number, (count, size) in enumerate(((1, 1), (4, 1), (3, 2), (8, 3), (6, 5), (5, 2), (7, 4))):
        by_state, by_action, by_z = (torch.randn(n, generator=generator) for n in (2, 2, size))
        policy = Policy(torch.randn(size, 2, generator=generator))

        def value(state, action, z, by_state=by_state, by_action=by_action, by_z=by_z):
            return state @ by_state + action @ by_action + (z @ by_z).tanh()  # (B,)

        state = torch.randn(count, 2, generator=generator)
        action = 2 * torch.rand(count, 2, generator=generator) - 1
        target = torch.randn(count, generator=generator)
        z = torch.randn(count, size, generator=generator).requires_grad_(number < 5)
        cases.append((value, policy, state, action, target, z))
    return cases


def _losses_reference(value, policy, state, action, target, z):
    """The actor's loss row by row."""
    error = value(state, action, z) - target
    rows = zip(state.split(1), z.detach().split(1), strict=True)
    gain = sum(value(one, policy(one, told), told).sum() for one, told in rows) / len(z)
    return (error * error).sum() / len(z), -gain


def _losses_by_mse(value, policy, state, action, target, z):
    critic_loss = torch.nn.functional.mse_loss(value(state, action, z), target)
    fixed = z.detach().clone()
    return critic_loss, value(state, policy(state, fixed), fixed).neg().mean()


def _losses_by_zeros(value, policy, state, action, target, z):
    told = torch.zeros_like(z, requires_grad=False) + z.data
    return (target - value(state, action, z)).pow(2).mean(), (-value(state, policy(state, told), told)).mean()


def _losses_both_teach(value, policy, state, action, target, z):
    return ((value(state, action, z) - target) ** 2).mean(), -value(state, policy(state, z), z).mean()


def _losses_value_teaches(value, policy, state, action, target, z):
    critic_loss, _ = pearl_losses(value, policy, state, action, target, z)
    return critic_loss, -value(state, policy(state, z.detach()), z).mean()


def _losses_policy_teaches(value, policy, state, action, target, z):
    critic_loss, _ = pearl_losses(value, policy, state, action, target, z)
    return critic_loss, -value(state, policy(state, z), z.detach()).mean()


def _losses_nobody_teaches(value, policy, state, action, target, z):
    return pearl_losses(value, policy, state, action, target, z.detach())


def _losses_swapped(value, policy, state, action, target, z):
    told = z.detach()
    return ((value(state, action, told) - target) ** 2).mean(), -value(state, policy(state, z), z).mean()


def _losses_sign(value, policy, state, action, target, z):
    critic_loss, actor_loss = pearl_losses(value, policy, state, action, target, z)
    return critic_loss, -actor_loss


def _losses_actor_untaught(value, policy, state, action, target, z):
    critic_loss, actor_loss = pearl_losses(value, policy, state, action, target, z)
    return critic_loss, actor_loss.detach()


def _losses_exchanged(value, policy, state, action, target, z):
    return pearl_losses(value, policy, state, action, target, z)[::-1]


def _losses_taken_action(value, policy, state, action, target, z):
    critic_loss, _ = pearl_losses(value, policy, state, action, target, z)
    return critic_loss, -value(state, action, z.detach()).mean()


register(
    Exercise(
        id="2.4",
        title=Bilingual("누가 인코더를 가르칩니까", "Who teaches the encoder"),
        minutes=7,
        difficulty=3,
        signature="pearl_losses(value, policy, state, action, target, z)",
        reference=_losses_reference,
        solution=pearl_losses,
        why=Bilingual(
            "크리틱의 손실은 $z$가 무엇을 예측해야 하는지, 곧 보상을 말해 줍니다. 행위자의 손실은 가치가 **커 보이는** $z$를 원합니다. 목표가 어디인지는 상관하지 않습니다. "
            "그래서 행위자에게는 $z$를 알려만 주고, 그래디언트는 돌려보내지 않습니다.",
            "The critic's loss says what $z$ has to predict: rewards. The actor's would like a $z$ for which the "
            "value **looks** large, "
            "wherever the goal is. So the actor is told $z$, and sends no gradient back.",
        ),
        hints=(
            Bilingual(
                "두 손실 모두 $z$를 읽습니다. 어느 쪽의 그래디언트가 $z$를 지나 인코더까지 가야 합니까?",
                "Both losses read $z$. Whose gradient should pass through $z$ to the encoder?",
            ),
            Bilingual(
                "크리틱: `(value(state, action, z) - target).pow(2)`의 평균. 행위자: **자신의** 행동의 가치가 커지도록, 부호를 바꿔서.",
                "Critic: the mean of `(value(state, action, z) - target).pow(2)`. Actor: the value of **its own** action "
                "is to grow, so with a minus.",
            ),
            Bilingual(
                "`told = z.detach()`, `actor_loss = -value(state, policy(state, told), told).mean()`. `z`가 두 군데에 나오는 "
                "것에 주의하십시오.",
                "`told = z.detach()`, `actor_loss = -value(state, policy(state, told), told).mean()`. Mind that `z` "
                "occurs twice.",
            ),
        ),
        cases=_losses_cases,
        wrong=(
            WrongAnswer(
                "the actor teaches it too",
                _losses_both_teach,
                Bilingual(
                    "행위자의 그래디언트도 인코더로 흐릅니다. 그러면 인코더는 가치가 커 보이는 $z$를 만들려고 합니다. `z`는 행위자의 손실에 두 번 나옵니다.",
                    "The actor's gradient reaches the encoder as well, which will then make a $z$ whose value looks "
                    "large. Mind that "
                    "`z` occurs twice in the actor's loss.",
                ),
            ),
            WrongAnswer(
                "cut off in the policy alone",
                _losses_value_teaches,
                Bilingual(
                    "`policy`에 주는 `z`만 끊었습니다. `value`에 주는 `z`로도 행위자의 그래디언트가 인코더까지 흐릅니다.",
                    "Only the `z` of `policy` is cut off. Through the `z` of `value` the actor's gradient still reaches the "
                    "encoder.",
                ),
            ),
            WrongAnswer(
                "cut off in the value alone",
                _losses_policy_teaches,
                Bilingual(
                    "`value`에 주는 `z`만 끊었습니다. `policy`에 주는 `z`로도 행위자의 그래디언트가 인코더까지 흐릅니다.",
                    "Only the `z` of `value` is cut off. Through the `z` of `policy` the actor's gradient still reaches the "
                    "encoder.",
                ),
            ),
            WrongAnswer(
                "nobody teaches it",
                _losses_nobody_teaches,
                Bilingual(
                    "아무도 인코더를 가르치지 않습니다. 남는 것은 KL뿐이고, 사후 분포는 사전 분포에 머뭅니다.",
                    "Nobody teaches the encoder. Only the KL is left, and the posterior stays at the prior.",
                ),
            ),
            WrongAnswer(
                "only the actor teaches it",
                _losses_swapped,
                Bilingual(
                    "그래디언트를 끊은 쪽이 반대입니다. 인코더를 가르치는 것은 크리틱입니다.",
                    "The stop is on the wrong side. It is the critic that teaches the encoder.",
                ),
            ),
            WrongAnswer(
                "the actor is not taught",
                _losses_actor_untaught,
                Bilingual(
                    "행위자의 손실에서 그래디언트를 모두 끊어, 행위자 자신도 배우지 못합니다. 끊을 것은 `z`뿐입니다. `policy(state, z)`가 고른 행동으로는 그래디언트가 흘러야 합니다.",
                    "The actor's loss has no gradient at all, so the actor itself learns nothing. Only `z` is to be cut off; through "
                    "the action of `policy(state, z)` the gradient has to flow.",
                ),
            ),
            WrongAnswer(
                "the two exchanged",
                _losses_exchanged,
                Bilingual(
                    "두 손실의 순서가 바뀌었습니다. 크리틱의 손실이 먼저입니다.",
                    "The two losses have changed places: the critic's comes first.",
                ),
            ),
            WrongAnswer(
                "the actor makes it worse",
                _losses_sign,
                Bilingual(
                    "행위자의 부호가 반대입니다. 손실은 줄이는 것이므로 가치 앞에 음의 부호가 있어야 합니다.",
                    "The actor's sign is wrong. A loss is made small, so the value needs a minus.",
                ),
            ),
            WrongAnswer(
                "the value of the action taken",
                _losses_taken_action,
                Bilingual(
                    "버퍼에 있던 행동의 가치를 썼습니다. 행위자는 **자신이 고를** 행동 `policy(state, z)`를 고칩니다.",
                    "This values the action from the buffer. The actor mends the one that it **would choose**, "
                    "`policy(state, z)`.",
                ),
            ),
        ),
        also_right=(_losses_by_mse, _losses_by_zeros),
    )
)

# -- 2.5 a silent bug ---------------------------------------------------------------------------------------------


def strangers_product(mean: Tensor, variance: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The posterior from the prior and the factors of a trial's T steps, of which ``seen`` are there so far."""
    precision = 1 / variance  # (B, 1 + T, Z)
    together = 1 / precision.sum(dim=1)  # (B, Z)
    return together * (precision * mean).sum(dim=1), together


def mended_product(mean: Tensor, variance: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """A factor that is not there has no precision."""
    precision = seen[..., None] / variance  # (B, 1 + T, Z)
    together = 1 / precision.sum(dim=1)  # (B, Z)
    return together * (precision * mean).sum(dim=1), together


def _seen_cases(generator: torch.Generator) -> list[tuple]:
    """The last two are as in training: the encoder's factors come with a gradient, left-out places hold some too."""
    cases = []
    for count, factors, size in ((1, 2, 1), (3, 5, 1), (2, 8, 2), (4, 20, 1), (3, 12, 5)):
        training = factors > 8
        mean = torch.randn(count, factors, size, generator=generator)
        variance = 0.2 + 2 * torch.rand(count, factors, size, generator=generator)
        seen = torch.rand(count, factors, generator=generator) < 0.5
        seen[:, 0], seen[:, -1] = True, False  # the prior is always there, the last step never
        if not training:
            mean[~seen], variance[~seen] = 0.0, 1.0  # what stands in places not yet filled
        mean[:, 0], variance[:, 0] = 0.0, 1.0
        cases.append((mean.requires_grad_(training), variance.requires_grad_(training), seen))
    return cases


def _seen_reference(mean: Tensor, variance: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    rows = [_product_reference(mean[b : b + 1, seen[b]], variance[b : b + 1, seen[b]]) for b in range(len(mean))]
    return torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows])


def _seen_by_infinity(mean, variance, seen):
    return product_of_gaussians(mean, variance.masked_fill(~seen[..., None], torch.inf))


def _seen_by_rows(mean, variance, seen):
    found = [product_of_gaussians(m[s][None], v[s][None]) for m, v, s in zip(mean, variance, seen, strict=True)]
    return torch.cat([m for m, _ in found]), torch.cat([v for _, v in found])


def _seen_variances_zeroed(mean, variance, seen):
    precision = 1 / (variance * seen[..., None])
    together = 1 / precision.sum(dim=1)
    return together * (precision * mean).sum(dim=1), together


def _seen_averaged(mean, variance, seen):
    precision = seen[..., None] / variance
    together = seen.sum(dim=1)[:, None] / precision.sum(dim=1)
    return (precision * mean).sum(dim=1) / precision.sum(dim=1), together


def _seen_inverted(mean, variance, seen):
    return mended_product(mean, variance, ~seen)


def _seen_in_front(mean, variance, seen):
    front = torch.arange(seen.shape[1]) < seen.sum(dim=1, keepdim=True)
    return mended_product(mean, variance, front)


def _seen_with_prior(mean, variance, seen):
    precision = seen[..., None] / variance
    together = 1 / (1 + precision.sum(dim=1))
    return together * (precision * mean).sum(dim=1), together


def _seen_by_subtraction(mean, variance, seen):
    precision = 1 / variance
    together = 1 / (precision.sum(dim=1) - (~seen).sum(dim=1, keepdim=True))
    return together * (precision * mean).sum(dim=1), together


def _seen_without_gradient(mean, variance, seen):
    return mended_product(mean.detach(), variance.detach(), seen)


def _seen_in_the_variance_only(mean, variance, seen):
    precision = 1 / variance
    together = 1 / (precision * seen[..., None]).sum(dim=1)
    return (precision * mean).sum(dim=1) / precision.sum(dim=1), together


register(
    Exercise(
        id="2.5",
        title=Bilingual("조용한 버그", "A silent bug"),
        minutes=8,
        difficulty=3,
        signature="mended_product(mean, variance, seen)",
        reference=_seen_reference,
        solution=mended_product,
        why=Bilingual(
            "아직 일어나지 않은 스텝의 자리에는 평균 0, 분산 1이 들어 있습니다. 그것도 곱하면 사전 분포를 백 번 곱한 셈이 되어, 아무것도 보지 않은 사후 분포의 표준편차가 "
            "1이 아니라 0.1이 됩니다. 없는 인자의 정밀도는 0이어야 합니다.",
            "Where a step has not happened yet stand mean 0 and variance 1. Multiplied in, they are a hundred more "
            "priors, and the "
            "posterior that has seen nothing has a deviation of 0.1 instead of 1. A factor that is not there has "
            "precision 0.",
        ),
        hints=(
            Bilingual(
                "아직 한 걸음도 걷지 않았으면 `seen`은 사전 분포가 있는 첫 자리에서만 참이고, 결과도 바로 그 $N(0, I)$여야 합니다. 이 코드는 무엇을 돌려줍니까?",
                "Before the first step `seen` is true in the first place alone, where the prior is, and that $N(0, I)$ should come "
                "out again. What does this code return?",
            ),
            Bilingual(
                "함수의 입력 셋 가운데 하나를 한 번도 쓰지 않았습니다. 오류도 경고도 나지 않는 까닭은 빈자리에도 수가 들어 있기 때문입니다.",
                "One of the three arguments is never used. No error and no warning, because empty places hold numbers "
                "too.",
            ),
            Bilingual(
                "`precision = seen[..., None] / variance`로 바꾸십시오. 없는 인자의 정밀도가 0이 됩니다.",
                "Write `precision = seen[..., None] / variance`: a factor that is not there gets precision 0.",
            ),
        ),
        cases=_seen_cases,
        tolerance=1e-4,
        dtype_matters=True,
        wrong=(
            WrongAnswer(
                "places not yet filled are multiplied in",
                strangers_product,
                Bilingual(
                    "낯선 이의 코드와 똑같이 동작합니다. 아직 일어나지 않은 스텝의 자리도 곱했습니다.",
                    "This does just what the stranger's code does: it multiplies in steps that have not happened yet.",
                ),
            ),
            WrongAnswer(
                "variances of zero",
                _seen_variances_zeroed,
                Bilingual(
                    "없는 인자의 **분산**을 0으로 만들었습니다. 그것은 무한히 확실하다는 뜻입니다. 0이어야 하는 것은 정밀도입니다.",
                    "The **variance** of what is not there becomes 0, which means infinitely certain. It is the "
                    "precision that should be 0.",
                ),
            ),
            WrongAnswer(
                "averaged over those that are there",
                _seen_averaged,
                Bilingual(
                    "있는 인자의 정밀도를 평균했습니다. 그러면 많이 보아도 확신이 커지지 않습니다.",
                    "The precisions of those that are there are averaged. Then certainty does not grow with what is "
                    "seen.",
                ),
            ),
            WrongAnswer(
                "the wrong ones left out",
                _seen_inverted,
                Bilingual(
                    "거꾸로입니다. 본 것을 빼고 보지 않은 것을 곱했습니다.",
                    "The wrong way round: what was seen is left out, and what was not is multiplied.",
                ),
            ),
            WrongAnswer(
                "the first ones, as many as are there",
                _seen_in_front,
                Bilingual(
                    "`seen`에서 참인 자리를 세어 앞에서부터 그만큼 썼습니다. 참인 자리가 앞에 모여 있다는 보장은 없습니다. 자리마다 `seen`을 따르십시오.",
                    "The true places of `seen` are counted, and so many from the front are used. They need not all stand in front: "
                    "follow `seen` place by place.",
                ),
            ),
            WrongAnswer(
                "the mean still reads all",
                _seen_in_the_variance_only,
                Bilingual(
                    "분산은 맞지만, 평균은 아직 빈자리까지 읽습니다. 빈자리의 0이 평균을 0으로 끌어당깁니다.",
                    "The variance is right, but the mean still reads the empty places, whose zeros pull it to 0.",
                ),
            ),
            WrongAnswer(
                "one prior too many",
                _seen_with_prior,
                Bilingual(
                    "정밀도에 1을 더했습니다. 사전 분포는 벌써 첫 자리에 있으므로 두 번 곱한 셈입니다.",
                    "A precision of 1 is added. The prior stands in the first place already, so it is multiplied in twice.",
                ),
            ),
            WrongAnswer(
                "a prior subtracted for each empty place",
                _seen_by_subtraction,
                Bilingual(
                    "빈자리마다 정밀도 1을 뺐습니다. 빈자리에 평균 0과 분산 1이 들어 있을 때에만 맞습니다. 학습할 때는 그 자리에 다른 수가 들어 있습니다.",
                    "A precision of 1 is subtracted for each empty place. That is right only while it holds mean 0 and "
                    "variance 1; in training other numbers stand there.",
                ),
            ),
            WrongAnswer("no gradient reaches the encoder", _seen_without_gradient, PRODUCT_TEACHES_NOTHING),
        ),
        also_right=(_seen_by_infinity, _seen_by_rows),
    )
)

# -- the quiz -----------------------------------------------------------------------------------------------------

ask(
    Question(
        id="2.a",
        text=Bilingual(
            "GridNavi에서는 $z$를 스텝마다 다시 뽑는 편이 낫고 점 로봇에서는 유지하는 편이 낫습니다. 무엇이 다릅니까?",
            "In GridNavi it is better to redraw $z$ at each step, with the point robot to hold it. What is different?",
        ),
        choices=(
            Choice(
                Bilingual("점 로봇의 행동은 연속입니다", "the point robot's actions are continuous"),
                Bilingual(
                    "행동이 유한해도 같습니다. 출발점에서 양쪽으로 20칸 떨어진 두 끝 가운데 하나에 목표가 있고 한 에피소드가 40걸음인 복도에서 다시 뽑으면 에피소드 4개 안에 목표를 찾는 트라이얼이 42%뿐이고(닿을 수 없는 목표를 뽑았을 때는 아무 쪽으로나 움직입니다), 유지하면 모두 찾습니다.",
                    "With finitely many actions it is the same: in a corridor with the goal at one of its two ends, each 20 cells "
                    "from the start, and episodes of 40 steps, redrawing finds the goal within 4 episodes in 42% of the trials (moving anywhere when the goal drawn is out "
                    "of reach), holding in all.",
                ),
            ),
            Choice(
                Bilingual(
                    "도착하기 전에 한 걸음마다 무엇을 알게 되는지입니다", "how much each step tells before one arrives"
                ),
                Bilingual(
                    "GridNavi에서는 발을 디딘 칸마다 답이 나옵니다. 점 로봇은 여섯에서 여덟 걸음을 한쪽으로 가야 처음으로 무언가를 알게 됩니다.",
                    "In GridNavi each cell stood on gives an answer. The point robot has to go six to eight steps one "
                    "way before it learns anything.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("GridNavi가 더 작습니다", "GridNavi is smaller"),
                Bilingual(
                    "크기도 한몫하지만 그것이 가르지는 않습니다. 9×9 격자에서도 다시 뽑는 쪽이 낫고, 목표가 두 끝 가운데 하나에 있는 복도에서는 5칸만 떨어져 있어도 유지하는 쪽이 낫습니다.",
                    "Size plays a part, but it does not decide: in a grid of 9×9 redrawing is still better, and in a corridor with "
                    "the goal at one of its two ends, holding is, even where these are only 5 cells away.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="2.b",
        text=Bilingual(
            "사후 샘플링이 지도에 가지 않는 까닭은 무엇입니까?",
            "Why does posterior sampling never go to the map?",
        ),
        choices=(
            Choice(
                Bilingual("사후 분포가 부정확해서", "its posterior is not exact"),
                Bilingual(
                    "우리의 계산은 정확한 사후 분포를 썼습니다. 그래도 가지 않습니다.",
                    "Our calculation used the exact posterior. It still does not go.",
                ),
            ),
            Choice(
                Bilingual("학습이 모자라서", "it was trained too little"),
                Bilingual(
                    "아무것도 학습하지 않고, 정확한 사후 분포와 최적 정책으로 계산했습니다.",
                    "Nothing was trained; it was computed exactly, for the exact posterior and optimal policies.",
                ),
            ),
            Choice(
                Bilingual("어느 $z$의 최적 정책도 가지 않아서", "no $z$ has an optimal policy that does"),
                Bilingual(
                    "어느 도시인지 아는 사람에게는 지도가 쓸모없습니다. 사후 샘플링은 늘 안다고 여기고 행동합니다.",
                    "Whoever knows the city has no use for a map, and posterior sampling always acts as if it knew.",
                ),
                right=True,
            ),
        ),
    )
)
ask(
    Question(
        id="2.c",
        text=Bilingual(
            "전이의 순서를 섞어도 PEARL의 사후 분포는 그대로입니다. 왜 그래도 됩니까?",
            "Shuffling the transitions leaves PEARL's posterior as it was. Why is that allowed?",
        ),
        choices=(
            Choice(
                Bilingual("전이 하나하나가 MDP에 대한 증거라서", "each transition is evidence about the MDP by itself"),
                Bilingual(
                    "$(s, a, r, s')$는 $p(s', r \\mid s, a)$에서 나온 표본입니다. 언제 보았는지는 아무것도 더 말해 주지 않습니다.",
                    "$(s, a, r, s')$ is a sample of $p(s', r \\mid s, a)$. When it was seen says nothing more.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("행동이 무작위라서", "actions are random"),
                Bilingual(
                    "행동을 어떻게 골랐든 마찬가지입니다.",
                    "It holds however the actions were chosen.",
                ),
            ),
            Choice(
                Bilingual("KL 항이 순서를 지워서", "the KL term removes the order"),
                Bilingual(
                    "KL은 결과로 나온 분포만 봅니다. 순서를 지우는 것은 곱입니다.",
                    "The KL sees the resulting distribution alone. It is the product that has no order.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="2.d",
        text=Bilingual(
            "정확한 사후 샘플링은 다섯 에피소드 안에 목표를 찾는 비율이 0.60인데, PEARL은 세 배 오래 학습해도 0.40~0.54입니다. "
            "오래 학습해도 남는 가장 큰 까닭은 무엇입니까?",
            "Exact posterior sampling finds the goal within five episodes in 0.60 of the trials, PEARL in 0.40~0.54 even "
            "after three times the training. What is the main reason that remains when it trains longer?",
        ),
        choices=(
            Choice(
                Bilingual("행위자가 목표까지 걷지 못해서", "its actor can't walk to a goal"),
                Bilingual(
                    "세 배 오래 학습하면 사전 분포에서 뽑은 $z$ 가운데 목표 하나에 이르는 비율이 0.99입니다. 걷기는 배웠습니다.",
                    "After three times the training 0.99 of the $z$ drawn from the prior lead to some goal. Walking was "
                    "learned.",
                ),
            ),
            Choice(
                Bilingual("$z$를 에피소드 동안 유지해서", "it holds $z$ for the episode"),
                Bilingual(
                    "정확한 쪽도 유지합니다. 스텝마다 다시 뽑으면 정확한 쪽도 0.24만 찾습니다.",
                    "So does the exact one. Redrawn at each step, even the exact one finds only 0.24.",
                ),
            ),
            Choice(
                Bilingual("허탕 친 에피소드에서 배우지 못해서", "it learns nothing from an episode that found nothing"),
                Bilingual(
                    "허탕 친 에피소드 뒤에도 사후 분포가 사전 분포에 머뭅니다. 정확한 신념은 그곳의 목표를 지웁니다. 정확한 샘플링도 이것을 못 하게 하면 0.50입니다.",
                    "After an episode that found nothing, its posterior stays at the prior. The exact belief rules "
                    "out the goals that lie there. Without that, exact sampling finds 0.50 as well.",
                ),
                right=True,
            ),
        ),
    )
)
