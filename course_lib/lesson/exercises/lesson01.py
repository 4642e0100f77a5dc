"""The exercises of lesson 01: what RL² reads, how credit flows, what exploration finds out, and a silent bug."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.agents.rl2 import carry_hidden_state, rl2_input
from course_lib.bilingual import Bilingual
from course_lib.lesson.exercise import Exercise, WrongAnswer, register
from course_lib.lesson.quiz import Choice, Question, ask

# -- 1.1 what RL² reads -------------------------------------------------------------------------------------------


def _input_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, steps, features, actions in ((1, 1, 3, 2), (2, 4, 3, 5), (3, 6, 1, 7), (4, 5, 0, 3), (5, 9, 4, 4)):
        cases.append(
            (
                torch.rand(trials, steps, features, generator=generator),
                # In one case the last action does not come up: the one-hot vector is as long nevertheless.
                torch.randint(actions - (steps == 4), (trials, steps), generator=generator),
                torch.randn(trials, steps, generator=generator),
                torch.rand(trials, steps, generator=generator) < 0.4,
                actions,
            )
        )
    return cases


def _input_reference(sensed: Tensor, action: Tensor, reward: Tensor, done: Tensor, actions: int) -> Tensor:
    rows = []
    for b in range(sensed.shape[0]):
        for t in range(sensed.shape[1]):
            did = [0.0] * (actions + 2)
            if t > 0:
                did[int(action[b, t - 1])] = 1.0
                did[actions] = float(reward[b, t - 1])
                did[actions + 1] = float(done[b, t - 1])
            rows.append(sensed[b, t].tolist() + did)
    return torch.tensor(rows).view(*sensed.shape[:2], -1)


def _input_by_filling(sensed, action, reward, done, actions):
    count, steps, features = sensed.shape
    read = torch.zeros(count, steps, features + actions + 2, dtype=sensed.dtype)
    read[..., :features] = sensed
    read[:, 1:, features : features + actions] = torch.eye(actions)[action[:, :-1]]
    read[:, 1:, -2] = reward[:, :-1]
    read[:, 1:, -1] = done[:, :-1]
    return read


def _input_by_steps(sensed, action, reward, done, actions):
    columns = []
    for t in range(sensed.shape[1]):
        last = torch.zeros(len(sensed), actions + 2)
        if t:
            last = torch.cat(
                [F.one_hot(action[:, t - 1], actions), reward[:, t - 1, None], done[:, t - 1, None]], dim=1
            )
        columns.append(torch.cat([sensed[:, t], last.float()], dim=1))
    return torch.stack(columns, dim=1)


def _input_unshifted(sensed, action, reward, done, actions):
    did = torch.cat([F.one_hot(action, actions), reward[..., None], done[..., None]], dim=-1)
    return torch.cat([sensed, did.float()], dim=-1)


def _input_wrapped(sensed, action, reward, done, actions):
    return torch.cat([sensed, _input_unshifted(sensed[..., :0], action, reward, done, actions).roll(1, dims=1)], dim=-1)


def _input_first_action(sensed, action, reward, done, actions):
    read = rl2_input(sensed, action, reward, done, actions)
    read[:, 0, sensed.shape[-1]] = 1.0
    return read


def _input_all_shifted(sensed, action, reward, done, actions):
    read = _input_unshifted(sensed, action, reward, done, actions)
    return torch.cat([torch.zeros_like(read[:, :1]), read[:, :-1]], dim=1)


def _input_done_unshifted(sensed, action, reward, done, actions):
    read = rl2_input(sensed, action, reward, done, actions)
    return torch.cat([read[..., :-1], done[..., None].float()], dim=-1)


def _input_reward_first(sensed, action, reward, done, actions):
    read = rl2_input(sensed, action, reward, done, actions)
    seen, did, paid, ended = read.split([sensed.shape[-1], actions, 1, 1], dim=-1)
    return torch.cat([seen, paid, did, ended], dim=-1)


def _input_without_done(sensed, action, reward, done, actions):
    read = rl2_input(sensed, action, reward, done, actions)
    return torch.cat([read[..., :-1], torch.zeros_like(read[..., -1:])], dim=-1)


def _input_of_actions_that_occur(sensed, action, reward, done, actions):
    return rl2_input(sensed, action, reward, done, int(action.max()) + 1)  # what `F.one_hot(action)` takes


def _input_kind_of_feedforward(sensed, action, reward, done, actions):
    return torch.cat([sensed, torch.zeros(*sensed.shape[:2], actions + 2)], dim=-1)


register(
    Exercise(
        id="1.1",
        title=Bilingual("RL²가 읽는 것", "What RL² reads"),
        minutes=8,
        difficulty=2,
        signature="rl2_input(sensed, action, reward, done, actions)",
        reference=_input_reference,
        solution=rl2_input,
        why=Bilingual(
            "보상과 종료 신호는 행동한 **뒤에야** 알 수 있으므로 한 칸 늦게 읽힙니다. 트라이얼의 첫 입력에는 아직 아무 일도 없었으니 0입니다.",
            "Reward and end are known only **after** acting, so they are read one step later. At a trial's first input "
            "nothing has happened yet: zeros.",
        ),
        hints=(
            Bilingual(
                "시각 t의 입력에는 t의 관측과 t−1의 행동, 보상, 종료가 들어갑니다. 무엇을 한 칸 밀어야 합니까?",
                "The input at t holds what is sensed at t, and the action, reward and end of t−1. What must be shifted?",
            ),
            Bilingual(
                "`F.one_hot(action, actions)`는 (B, T, A)입니다. `reward[..., None]`과 `done[..., None]`을 마지막 축으로 이어 붙이십시오.",
                "`F.one_hot(action, actions)` is (B, T, A). Join `reward[..., None]` and `done[..., None]` along the last axis.",
            ),
            Bilingual(
                "이어 붙인 텐서를 `did`라고 하면, `torch.cat([torch.zeros_like(did[:, :1]), did[:, :-1]], dim=1)`로 밀고 앞에 `sensed`를 붙이십시오.",
                "Call the joined tensor `did`; shift it with `torch.cat([torch.zeros_like(did[:, :1]), did[:, :-1]], dim=1)` and put `sensed` in front.",
            ),
        ),
        cases=_input_cases,
        dtype_matters=True,
        wrong=(
            WrongAnswer(
                "not shifted",
                _input_unshifted,
                Bilingual(
                    "정책이 아직 고르지 않은 행동과 받지 않은 보상을 읽습니다. t−1의 것을 주어야 합니다.",
                    "The policy reads an action it has not chosen and a reward it has not received. Give it those of t−1.",
                ),
            ),
            WrongAnswer(
                "rolled around",
                _input_wrapped,
                Bilingual(
                    "`roll`은 트라이얼의 마지막 행동을 첫 입력으로 돌려보냅니다. 첫 입력은 0이어야 합니다.",
                    "`roll` brings the trial's last action round to the first input. The first must be zero.",
                ),
            ),
            WrongAnswer(
                "action 0 before the first",
                _input_first_action,
                Bilingual(
                    "첫 행에 행동 0의 원-핫 벡터가 있습니다. 행동의 번호를 민 다음 원-핫으로 바꾸면 이렇게 됩니다. 아직 아무 행동도 하지 않았으므로 모두 0이어야 합니다.",
                    "The first row holds action 0, one-hot; that comes of shifting the action's number before making it one-hot. Nothing was done yet: all must be 0.",
                ),
            ),
            WrongAnswer(
                "what is sensed shifted too",
                _input_all_shifted,
                Bilingual(
                    "관측까지 밀었습니다. 시각 t에는 지금 보이는 것을 읽고, 행동, 보상, 종료만 t−1의 것입니다.",
                    "What is sensed was shifted as well. At t it is what is seen now; only action, reward and end are those of t−1.",
                ),
            ),
            WrongAnswer(
                "end of episode not shifted",
                _input_done_unshifted,
                Bilingual(
                    "종료 신호는 밀지 않았습니다. 정책이 이 스텝에서 에피소드가 끝나리라는 것을 미리 읽습니다.",
                    "The end signal is not shifted: the policy reads beforehand that this step will end the episode.",
                ),
            ),
            WrongAnswer(
                "reward before action",
                _input_reward_first,
                Bilingual(
                    "숫자는 모두 있지만 순서가 다릅니다. 관측, 행동, 보상, 종료의 순서로 이어 붙이십시오.",
                    "All the numbers are there, in another order. Join what is sensed, action, reward and end in this order.",
                ),
            ),
            WrongAnswer(
                "end of episode left out",
                _input_without_done,
                Bilingual(
                    "에피소드가 끝났다는 신호가 늘 0입니다. 그러면 정책은 탐험이 끝났는지 알 수 없습니다.",
                    "The signal that an episode ended is always 0. Then the policy can't know that exploration is over.",
                ),
            ),
            WrongAnswer(
                "as wide as the largest action that occurs",
                _input_of_actions_that_occur,
                Bilingual(
                    "`F.one_hot(action)`에 행동의 수를 주지 않으면, 이 배치에 나온 가장 큰 번호까지만 열이 생깁니다. `F.one_hot(action, actions)`로 쓰십시오.",
                    "Without the number of actions, `F.one_hot(action)` has columns up to the largest one that occurs in this batch. Write `F.one_hot(action, actions)`.",
                ),
            ),
            WrongAnswer(
                "only what is sensed",
                _input_kind_of_feedforward,
                Bilingual(
                    "행동, 보상, 종료가 모두 0입니다. 어떤 팔이 얼마를 주었는지 읽지 못하면 배울 수 없습니다.",
                    "Action, reward and end are all zero. Whoever can't read which arm paid can't learn.",
                ),
            ),
        ),
        also_right=(_input_by_filling, _input_by_steps),
    )
)

# -- 1.2 how credit flows -----------------------------------------------------------------------------------------


def returns_to_go(reward: Tensor, episode_over: Tensor, discount: float) -> Tensor:
    """What each step of a trial still has coming, discounted: (B, T)."""
    following = torch.zeros_like(reward[:, 0])
    result = []
    for t in reversed(range(reward.shape[1])):
        following = reward[:, t] + discount * following  # G_t = r_t + γ G_{t+1}, across episodes
        result.append(following)
    return torch.stack(result[::-1], dim=1)


def _returns_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, steps, discount in ((1, 1, 0.9), (2, 4, 1.0), (3, 7, 0.99), (2, 12, 0.5), (4, 20, 0.95)):
        over = torch.rand(trials, steps, generator=generator) < 0.3
        over[:, steps // 2] = True
        cases.append((torch.randn(trials, steps, generator=generator), over, discount))
    return cases


def _returns_reference(reward: Tensor, episode_over: Tensor, discount: float) -> Tensor:
    trials, steps = reward.shape
    return torch.tensor(
        [
            [sum(discount ** (k - t) * float(reward[b, k]) for k in range(t, steps)) for t in range(steps)]
            for b in range(trials)
        ]
    )


def _returns_by_matrix(reward, episode_over, discount):
    steps = torch.arange(reward.shape[1])
    ahead = (steps[:, None] - steps[None, :]).clamp(min=0)  # how far k lies ahead of t
    weight = torch.where(steps[:, None] >= steps[None, :], torch.tensor(discount, dtype=torch.float64) ** ahead, 0.0)
    return reward.double() @ weight


def _returns_by_slices(reward, episode_over, discount):
    total = reward.clone()
    for t in range(reward.shape[1] - 2, -1, -1):
        total[:, t] = total[:, t] + discount * total[:, t + 1]
    return total


def _returns_cut(reward, episode_over, discount):
    following, result = torch.zeros_like(reward[:, 0]), []
    for t in reversed(range(reward.shape[1])):
        following = reward[:, t] + discount * following * ~episode_over[:, t]
        result.append(following)
    return torch.stack(result[::-1], dim=1)


def _returns_backwards(reward, episode_over, discount):
    return returns_to_go(reward.flip(1), episode_over, discount).flip(1)


def _returns_without_now(reward, episode_over, discount):
    return returns_to_go(reward, episode_over, discount) - reward


def _returns_of_the_next(reward, episode_over, discount):
    total = returns_to_go(reward, episode_over, discount)
    return torch.cat([total[:, 1:], torch.zeros_like(total[:, :1])], dim=1)


def _returns_not_turned_back(reward, episode_over, discount):
    return returns_to_go(reward, episode_over, discount).flip(1)


def _returns_from_the_start(reward, episode_over, discount):
    weight = discount ** torch.arange(reward.shape[1])
    return returns_to_go(reward * weight, episode_over, 1.0)


def _returns_undiscounted(reward, episode_over, discount):
    return returns_to_go(reward, episode_over, 1.0)


register(
    Exercise(
        id="1.2",
        title=Bilingual("보상이 돌아가는 길", "How credit flows"),
        minutes=10,
        difficulty=3,
        signature="returns_to_go(reward, episode_over, discount)",
        reference=_returns_reference,
        solution=returns_to_go,
        why=Bilingual(
            "탐험 에피소드에는 보상이 없습니다. 실행에서 번 보상이 에피소드의 끝을 넘어 돌아와야 탐험이 보상을 받습니다. "
            "그래서 `episode_over`는 일부러 쓰지 않습니다.",
            "Exploration pays nothing by itself. It is paid only if what execution earns flows back across the "
            "episode's end. That is why `episode_over` is left unused.",
        ),
        hints=(
            Bilingual(
                "RL²가 최대화하는 것은 에피소드가 아니라 **트라이얼**의 리턴입니다. 에피소드의 끝에서 멈춰야 하는 것이 있습니까?",
                "RL² maximises the return of the **trial**, not of an episode. Does anything have to stop at an episode's end?",
            ),
            Bilingual(
                "뒤에서 앞으로 가십시오: $G_t = r_t + \\gamma G_{t+1}$.",
                "Go from back to front: $G_t = r_t + \\gamma G_{t+1}$.",
            ),
            Bilingual(
                "`for t in reversed(range(T))` 안에서 `following = reward[:, t] + discount * following`. `episode_over`로 곱하지 마십시오.",
                "Inside `for t in reversed(range(T))`: `following = reward[:, t] + discount * following`. Don't multiply by `episode_over`.",
            ),
        ),
        cases=_returns_cases,
        tolerance=1e-4,
        wrong=(
            WrongAnswer(
                "cut at the episode's end",
                _returns_cut,
                Bilingual(
                    "에피소드의 끝에서 보상을 끊었습니다. 보통의 강화학습에서는 옳지만, 여기서는 탐험이 영영 보상을 받지 못합니다.",
                    "The credit is cut at the episode's end. Right in ordinary RL; here exploration would never be paid.",
                ),
            ),
            WrongAnswer(
                "looking back",
                _returns_backwards,
                Bilingual(
                    "지나간 보상을 더했습니다. 행동은 앞으로 올 보상만 바꿀 수 있습니다.",
                    "This adds up rewards of the past. An action can only change what is still to come.",
                ),
            ),
            WrongAnswer(
                "without its own reward",
                _returns_without_now,
                Bilingual(
                    "지금의 보상 $r_t$가 빠졌습니다. 이 행동으로 번 보상입니다.",
                    "The present reward $r_t$ is missing. This action has earned it.",
                ),
            ),
            WrongAnswer(
                "the next step's",
                _returns_of_the_next,
                Bilingual(
                    "한 칸 뒤의 값 $G_{t+1}$입니다. 지금의 보상 $r_t$를 더하기 **전에** 담았습니다.",
                    "This is $G_{t+1}$, the value one step later: it was kept **before** the present reward $r_t$ was added.",
                ),
            ),
            WrongAnswer(
                "not turned back",
                _returns_not_turned_back,
                Bilingual(
                    "시간이 거꾸로입니다. 뒤에서 앞으로 모은 것을 다시 뒤집어야 합니다.",
                    "Time runs backwards: what was gathered from back to front has to be turned round again.",
                ),
            ),
            WrongAnswer(
                "discounted from the trial's start",
                _returns_from_the_start,
                Bilingual(
                    "$\\gamma^t$를 트라이얼의 처음부터 셌습니다. $G_t$에서 $r_t$의 무게는 1이고, 할인은 t부터 셉니다.",
                    "$\\gamma^t$ is counted from the trial's start. In $G_t$ the weight of $r_t$ is 1: discounting counts from t.",
                ),
            ),
            WrongAnswer(
                "not discounted",
                _returns_undiscounted,
                Bilingual(
                    "할인율 $\\gamma$를 쓰지 않았습니다. 한 걸음마다 한 번 곱합니다.",
                    "The discount $\\gamma$ is not used. It multiplies once a step.",
                ),
            ),
        ),
        also_right=(_returns_by_matrix, _returns_by_slices),
    )
)

# -- 1.3 what exploration finds out -------------------------------------------------------------------------------


def information_gained(possible: Tensor) -> Tensor:
    """How much was learned about the problem, in nats, averaged over trials."""
    still_possible = possible.sum(dim=-1).float()  # (B,)
    return math.log(possible.shape[-1]) - still_possible.log().mean()  # H(μ) − H(μ|τ)


def _possible_cases(generator: torch.Generator) -> list[tuple]:
    cases = []
    for trials, problems in ((1, 2), (4, 24), (3, 6), (8, 24), (16, 9)):
        possible = torch.rand(trials, problems, generator=generator) < 0.35
        truth = torch.randint(problems, (trials,), generator=generator)
        possible[torch.arange(trials), truth] = True  # the true problem is always possible
        cases.append((possible,))
    return cases


def _information_reference(possible: Tensor) -> float:
    before = math.log(possible.shape[1])
    after = [-sum(1 / sum(row) * math.log(1 / sum(row)) for p in row if p) for row in possible.tolist()]
    return before - sum(after) / len(after)


def _information_by_belief(possible):
    belief = possible.double() / possible.sum(dim=1, keepdim=True)
    return math.log(possible.shape[1]) + torch.special.xlogy(belief, belief).sum(dim=1).mean()


def _information_by_ratio(possible):
    return -torch.log(possible.float().mean(dim=1)).mean()


def _information_in_bits(possible):
    return information_gained(possible) / math.log(2)


def _information_left(possible):
    return possible.sum(dim=-1).float().log().mean()


def _information_log_of_mean(possible):
    return math.log(possible.shape[-1]) - possible.sum(dim=-1).float().mean().log()


def _information_share(possible):
    return 1 - possible.float().mean()


register(
    Exercise(
        id="1.3",
        title=Bilingual("탐험이 알아낸 것", "What exploration finds out"),
        minutes=8,
        difficulty=2,
        signature="information_gained(possible)",
        reference=_information_reference,
        solution=information_gained,
        why=Bilingual(
            "균등한 사전 분포에서 엔트로피는 가능한 문제 수의 로그입니다. 사후 분포의 엔트로피는 트라이얼마다 따로 구한 뒤 평균합니다.",
            "Under a uniform prior the entropy is the logarithm of the number of possible problems. The posterior's "
            "is taken in each trial, then averaged.",
        ),
        hints=(
            Bilingual(
                "$I(\\tau;\\mu) = H(\\mu) - H(\\mu|\\tau)$입니다. 문제가 24개일 때 탐험 전의 엔트로피는 얼마입니까?",
                "$I(\\tau;\\mu) = H(\\mu) - H(\\mu|\\tau)$. With 24 problems, what is the entropy before exploring?",
            ),
            Bilingual(
                "가능한 문제가 n개로 고르게 남으면 엔트로피는 $\\log n$입니다(자연로그, 단위는 nat).",
                "With n problems left, all alike, the entropy is $\\log n$ (natural logarithm, in nats).",
            ),
            Bilingual(
                "`possible.sum(dim=-1)`로 트라이얼마다 n을 세고, 로그를 **먼저** 취한 다음 평균하십시오.",
                "Count n in each trial with `possible.sum(dim=-1)`, take the logarithm **first**, then the mean.",
            ),
        ),
        cases=_possible_cases,
        wrong=(
            WrongAnswer(
                "bits",
                _information_in_bits,
                Bilingual(
                    "밑이 2인 로그입니다(비트). 이 과정은 자연로그를 쓰므로 단위가 nat입니다.",
                    "That is the logarithm to base 2 (bits). This course uses the natural one, so the unit is the nat.",
                ),
            ),
            WrongAnswer(
                "what is left",
                _information_left,
                Bilingual(
                    "남은 불확실성 $H(\\mu|\\tau)$입니다. 얻은 정보는 처음의 엔트로피에서 이것을 뺀 값입니다.",
                    "That is the uncertainty left, $H(\\mu|\\tau)$. What was gained is the first entropy minus this.",
                ),
            ),
            WrongAnswer(
                "logarithm of the mean",
                _information_log_of_mean,
                Bilingual(
                    "개수를 먼저 평균하고 로그를 취했습니다. 엔트로피의 평균과 다릅니다(옌센 부등식).",
                    "The counts were averaged before taking the logarithm. By Jensen's inequality that is not the mean entropy.",
                ),
            ),
            WrongAnswer(
                "share of problems ruled out",
                _information_share,
                Bilingual(
                    "제외한 문제의 비율입니다. 정보는 비율이 아니라 로그로 잽니다.",
                    "That is the share of problems ruled out. Information is measured by logarithms, not by shares.",
                ),
            ),
        ),
        also_right=(_information_by_belief, _information_by_ratio),
    )
)

# -- 1.4 a silent bug ---------------------------------------------------------------------------------------------


def strangers_carry(hidden: Tensor, new_episode: Tensor, new_trial: Tensor) -> Tensor:
    """The hidden state with which the next input is read: (B, H)."""
    fresh = torch.zeros_like(hidden)
    begins = new_trial | new_episode
    return torch.where(begins[:, None], fresh, hidden)


def _carry_cases(generator: torch.Generator) -> list[tuple]:
    """In the two largest a gradient is asked for the hidden state: what the GRU keeps is learned through it."""
    cases = []
    for trials, units in ((1, 3), (4, 2), (8, 16), (12, 1), (20, 8)):
        new_episode = torch.rand(trials, generator=generator) < 0.6
        new_trial = new_episode & (torch.rand(trials, generator=generator) < 0.5)
        if trials > 2:  # every kind of step at least once
            new_episode[:3] = torch.tensor([True, True, False])
            new_trial[:3] = torch.tensor([True, False, False])
        hidden = torch.randn(trials, units, generator=generator).requires_grad_(trials > 8)
        cases.append((hidden, new_episode, new_trial))
    return cases


def _carry_reference(hidden: Tensor, new_episode: Tensor, new_trial: Tensor) -> Tensor:
    rows = zip(hidden, new_trial.tolist(), strict=True)
    return torch.stack([torch.zeros_like(row) if begins else row for row, begins in rows])


def _carry_by_where(hidden, new_episode, new_trial):
    return torch.where(new_trial[:, None], torch.zeros_like(hidden), hidden)


def _carry_by_index(hidden, new_episode, new_trial):
    hidden = hidden.clone()
    hidden[new_trial] = 0
    return hidden


def _carry_forever(hidden, new_episode, new_trial):
    return hidden.clone()


def _carry_upside_down(hidden, new_episode, new_trial):
    return hidden * new_trial[:, None]


def _carry_only_between(hidden, new_episode, new_trial):
    return hidden * ~(new_episode & ~new_trial)[:, None]


def _carry_without_gradient(hidden, new_episode, new_trial):
    return carry_hidden_state(hidden.detach(), new_episode, new_trial)


register(
    Exercise(
        id="1.4",
        title=Bilingual("조용한 버그", "A silent bug"),
        minutes=10,
        difficulty=3,
        signature="mended_carry(hidden, new_episode, new_trial)",
        reference=_carry_reference,
        solution=carry_hidden_state,
        why=Bilingual(
            "은닉 상태는 에피소드를 넘어 이어지고 트라이얼이 바뀔 때만 0이 됩니다. 에피소드마다 지우면 탐험에서 알아낸 것이 실행에 전해지지 않습니다. "
            "오류도 경고도 없습니다.",
            "The hidden state lives on across episodes and is zero only for a new trial. Wipe it at each episode, and "
            "nothing that exploration found reaches execution; no error, no warning.",
        ),
        hints=(
            Bilingual(
                "탐험은 지도를 다 읽었는데 실행은 모릅니다. 탐험에서 실행으로 건너가는 것은 하나뿐입니다. 무엇입니까?",
                "Exploration has read the whole map, and execution does not know it. What alone crosses from one to the other?",
            ),
            Bilingual(
                "`begins`는 언제 참입니까? 실행 에피소드의 첫 스텝에서는 어떻습니까?",
                "When is `begins` true? And at the first step of the execution episode?",
            ),
            Bilingual(
                "`new_trial`일 때만 0으로 만드십시오. `new_episode`는 쓰지 않습니다.",
                "Make it zero only for `new_trial`. `new_episode` is not needed.",
            ),
        ),
        cases=_carry_cases,
        dtype_matters=True,
        wrong=(
            WrongAnswer(
                "reset at each episode",
                strangers_carry,
                Bilingual(
                    "낯선 이의 코드와 똑같이 동작합니다. 실행 에피소드의 첫 스텝에서 무엇이 사라지는지 보십시오.",
                    "This does just what the stranger's code does. See what is lost at the first step of execution.",
                ),
            ),
            WrongAnswer(
                "never reset",
                _carry_forever,
                Bilingual(
                    "새 트라이얼이 앞 트라이얼의 기억을 물려받습니다. 다른 문제의 기억은 거짓 정보입니다.",
                    "A new trial inherits the memory of the one before. Memories of another problem mislead.",
                ),
            ),
            WrongAnswer(
                "upside down",
                _carry_upside_down,
                Bilingual(
                    "조건이 뒤집혔습니다. 새 트라이얼에서만 남기고 나머지에서 지웁니다.",
                    "The condition is upside down: kept for a new trial only, wiped everywhere else.",
                ),
            ),
            WrongAnswer(
                "wiped between episodes, kept between trials",
                _carry_only_between,
                Bilingual(
                    "트라이얼 안에서 지우고 트라이얼 사이에서 남깁니다. 정확히 반대입니다.",
                    "Wiped within a trial and kept between trials: exactly the wrong way round.",
                ),
            ),
            WrongAnswer(
                "no gradient flows back in time",
                _carry_without_gradient,
                Bilingual(
                    "숫자는 맞지만 `hidden`으로 그래디언트가 흐르지 않습니다. 그러면 실행에서 배운 것이 탐험의 기억에 닿지 않아, GRU는 무엇을 기억해 둘지 배우지 못합니다. `detach`, `no_grad`를 쓰지 않았는지 보십시오.",
                    "The numbers are right, but no gradient flows into `hidden`: what execution learns never reaches the memory of exploration, so the GRU can't learn what to remember. Look for `detach` or `no_grad`.",
                ),
            ),
        ),
        also_right=(_carry_by_where, _carry_by_index),
    )
)

# -- the quiz -----------------------------------------------------------------------------------------------------

ask(
    Question(
        id="1.a",
        text=Bilingual(
            "학습이 끝난 RL²를 새 도시에 보냅니다. 그 도시에 적응하는 동안 바뀌는 것은 무엇입니까?",
            "A trained RL² is sent to a new city. What changes while it adapts to that city?",
        ),
        choices=(
            Choice(
                Bilingual("은닉 상태만", "only the hidden state"),
                Bilingual(
                    "새 도시에 관해 알아낸 것은 모두 은닉 상태에 쌓입니다.",
                    "Whatever is found out about the new city gathers in the hidden state.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("GRU의 가중치", "the GRU's weights"),
                Bilingual(
                    "가중치는 메타 학습에서만 바뀝니다. 메타 테스트에서는 고정됩니다.",
                    "The weights change in meta-training only. At meta-test they are fixed.",
                ),
            ),
            Choice(
                Bilingual("정책의 출력층", "the policy's output layer"),
                Bilingual(
                    "출력층도 가중치입니다. 같은 층이 다른 은닉 상태를 읽을 뿐입니다.",
                    "The output layer is weights as well. The same layer just reads another hidden state.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="1.b",
        text=Bilingual(
            "`episode_over`에서 보상의 흐름을 끊고 도시에서 학습하면, 탐험 정책은 어떻게 됩니까?",
            "Suppose credit is cut at `episode_over` and RL² trains in the city. What becomes of exploration?",
        ),
        choices=(
            Choice(
                Bilingual("지도를 더 빨리 찾습니다", "it finds the map faster"),
                Bilingual(
                    "지도를 읽은 가치는 실행에서 나옵니다. 그 가치가 탐험에 닿지 않습니다.",
                    "What reading the map is worth shows in execution. That worth never reaches exploration.",
                ),
            ),
            Choice(
                Bilingual("보상에서 아무것도 배우지 못합니다", "it learns nothing from reward"),
                Bilingual(
                    "탐험 에피소드의 보상은 모두 0이므로, 끊으면 어떤 보상도 탐험을 가르치지 못합니다. 엔트로피 보너스와, 실행과 함께 쓰는 GRU가 탐험을 바꾸기는 합니다.",
                    "All rewards in the exploration episode are 0, so once cut, no reward teaches it. The entropy bonus and the GRU that it shares with execution still change it.",
                ),
                right=True,
            ),
            Choice(
                Bilingual("더 짧게 탐험합니다", "it explores for a shorter time"),
                Bilingual(
                    "탐험에는 걸음 비용이 없으므로 짧게 할 까닭도 생기지 않습니다.",
                    "Exploration costs nothing a step, so there is no reason to be short either.",
                ),
            ),
        ),
    )
)
ask(
    Question(
        id="1.c",
        text=Bilingual(
            "완벽한 실행자와 함께라면 탐험은 몇 초 만에 배웁니다. 이 실험이 보여 주는 것은 무엇입니까?",
            "With a perfect executor, exploring is learned within seconds. What does this experiment show?",
        ),
        choices=(
            Choice(
                Bilingual("탐험이 본래 어려운 문제라는 것", "that exploring is hard in itself"),
                Bilingual(
                    "정반대입니다. 값어치를 바로 받으면 쉽습니다.",
                    "The opposite: paid at once for its worth, it is easy.",
                ),
            ),
            Choice(
                Bilingual("종단간 학습은 결코 성공할 수 없다는 것", "that end-to-end training can never work"),
                Bilingual(
                    "그렇게까지는 말하지 못합니다. 이 최적화기, 이 예산, 이 도시에서 잰 것입니다.",
                    "It does not say that much. It was measured with this optimiser, this budget and this city.",
                ),
            ),
            Choice(
                Bilingual(
                    "탐험의 학습 신호가 실행의 수준에 달려 있다는 것", "that exploration's signal depends on how well execution does"
                ),
                Bilingual(
                    "같은 탐험, 같은 최적화기인데 실행이 완벽할 때만 신호가 분명합니다. 결합의 한쪽 방향입니다.",
                    "Same exploration, same optimiser; only with perfect execution is the signal clear. One direction of coupling.",
                ),
                right=True,
            ),
        ),
    )
)
