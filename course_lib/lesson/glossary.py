"""The words of the course: one list, one Korean term each, used in every lesson.

``glossary("hidden state", …)`` shows the terms of a lesson. ``variants_in(text)`` finds Korean and English
spellings that the course does not use, so that translations stay together: a test runs it over every lesson.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from course_lib.bilingual import Bilingual, CourseError
from course_lib.lesson import cards


class Term(NamedTuple):
    """One term: its name in both languages, one sentence in both, and the spellings not used here."""

    en: str
    ko: str
    meaning: Bilingual
    never: tuple[str, ...] = ()


TERMS = (
    Term("exploration", "탐험", Bilingual(
        ko="나중에 쓸 정보를 얻으려고 행동하는 일입니다.",
        en="Acting to gain information that is useful later."),
        ("탐색과 활용", "탐색 정책", "탐색-활용", "탐험과 착취", "익스플로레이션")),
    Term("exploitation", "활용", Bilingual(
        ko="이미 아는 것으로 보상을 얻는 일입니다.",
        en="Acting on what is already known to collect reward."),
        ("탐험과 이용", "탐색과 이용", "익스플로이테이션")),
    Term("exploration policy", "탐험 정책", Bilingual(
        ko="태스크를 알아내려고 행동하는 정책입니다.",
        en="The policy that acts in order to find out the task."),
        ("탐험정책",)),
    Term("execution policy", "실행 정책", Bilingual(
        ko="알아낸 정보로 지시를 수행해 보상을 얻는 정책입니다.",
        en="The policy that uses what was found out to carry out an instruction."),
        ("집행 정책", "수행 정책", "활용 정책", "실행정책")),
    Term("meta-reinforcement learning", "메타 강화학습", Bilingual(
        ko="새 태스크를 빨리 배우는 방법을 여러 태스크에서 강화학습으로 배웁니다.",
        en="Learning, by reinforcement over many tasks, how to learn a new task quickly."),
        ("메타강화학습", "메타 강화 학습", "메타-강화학습", "meta reinforcement learning")),
    Term("meta-training", "메타 학습", Bilingual(
        ko="많은 태스크에서 파라미터를 고치는 단계입니다.",
        en="The phase in which parameters are changed, over many tasks."),
        ("메타 훈련", "메타학습", "메타 트레이닝", "meta training")),
    Term("meta-test", "메타 테스트", Bilingual(
        ko="파라미터를 고정하고 새 태스크에 적응하는 단계입니다.",
        en="The phase in which parameters are fixed and the agent adapts to a new task."),
        ("메타 시험", "메타테스트", "meta test")),
    Term("policy", "정책", Bilingual(
        ko="지금까지 본 것에서 행동의 확률을 정하는 함수입니다.",
        en="The function from what was seen so far to action probabilities."),
        ("폴리시", "폴리씨")),
    Term("reward", "보상", Bilingual(
        ko="한 스텝에서 환경이 주는 값입니다.",
        en="The number that the environment gives at one step."),
        ("리워드",)),
    Term("return", "리턴", Bilingual(
        ko="한 에피소드나 트라이얼에서 받은 보상의 합입니다.",
        en="The sum of rewards over an episode or a trial."),
        ("누적 수익", "누적 보상 합", "총 수익")),
    Term("state", "상태", Bilingual(
        ko="환경의 다음 변화를 정하는 데 필요한 모든 것입니다.",
        en="All that determines how the environment goes on."),
        ("스테이트",)),
    Term("action", "행동", Bilingual(
        ko="에이전트가 한 스텝에서 고르는 것입니다.",
        en="What the agent chooses at one step."),
        ("액션",)),
    Term("problem", "문제", Bilingual(
        ko="트라이얼 하나에서 풀어야 하는 하나의 MDP입니다.",
        en="The one MDP that a trial is about."),
        ("프라블럼", "프로블럼", "문제 인스턴스")),
    Term("task", "태스크", Bilingual(
        ko="서로 닮은 문제들과 그 분포입니다. 문헌에서는 문제 하나를 태스크라고 부르기도 합니다.",
        en="Problems that are alike, with their distribution. In the literature often one problem."),
        ("과업", "타스크", "테스크")),
    Term("task distribution", "태스크 분포", Bilingual(
        ko="트라이얼마다 태스크를 뽑는 확률분포입니다.",
        en="The distribution from which each trial draws its task."),
        ("과제 분포", "작업 분포", "태스크분포")),
    Term("hidden state", "은닉 상태", Bilingual(
        ko="순환 신경망이 다음 스텝으로 넘기는 벡터로, 지금까지의 경험을 담습니다.",
        en="The vector that a recurrent network passes on; it holds the experience so far."),
        ("숨은 상태", "히든 스테이트", "숨겨진 상태", "은닉상태", "히든 상태")),
    Term("latent variable", "잠재 변수", Bilingual(
        ko="직접 보이지 않지만 데이터를 설명하는 변수입니다.",
        en="A variable that is not seen and explains the data."),
        ("잠재변수", "은닉 변수", "숨은 변수", "레이턴트")),
    Term("prior", "사전 분포", Bilingual(
        ko="데이터를 보기 전의 확률분포입니다.",
        en="The distribution before any data are seen."),
        ("사전분포", "프라이어")),
    Term("posterior", "사후 분포", Bilingual(
        ko="데이터를 본 뒤의 확률분포입니다.",
        en="The distribution after the data are seen."),
        ("사후분포", "포스테리어")),
    Term("posterior (Thompson) sampling", "사후 샘플링(톰슨 샘플링)", Bilingual(
        ko="사후 분포에서 문제 하나를 뽑아, 한 에피소드 동안 그것이 맞다고 여기고 행동합니다.",
        en="Draw one task from the posterior and act for a whole episode as if it were true."),
        ("사후 표본추출", "사후 표집", "톰프슨", "톰슨샘플링", "사후샘플링", "Thomson sampling")),
    Term("mutual information", "상호정보량", Bilingual(
        ko="한 변수를 알 때 다른 변수의 불확실성이 줄어드는 양입니다.",
        en="How much knowing one variable lowers the uncertainty of another."),
        ("상호 정보량", "상호 정보", "뮤추얼")),
    Term("entropy", "엔트로피", Bilingual(
        ko="확률분포의 불확실성을 재는 양입니다.",
        en="A measure of a distribution's uncertainty."),
        ("앤트로피", "엔트로피량")),
    Term("lower bound", "하한", Bilingual(
        ko="어떤 양이 결코 그보다 작아지지 않는 값입니다.",
        en="A value that a quantity never falls below."),
        ("하계", "로워 바운드", "아래 한계")),
    Term("variational", "변분", Bilingual(
        ko="다루기 어려운 분포를 다루기 쉬운 분포족 안에서 근사하는 방법을 이릅니다.",
        en="Said of approximating a hard distribution within an easy family."),
        ("베리에이셔널", "배리에이셔널")),
    Term("information bottleneck", "정보 병목", Bilingual(
        ko="표현이 필요한 정보만 담도록 정보의 양을 벌점으로 줄입니다.",
        en="Penalising information, so that a representation keeps only what is needed."),
        ("정보병목", "인포메이션 보틀넥", "정보 보틀넥")),
    Term("information gain", "정보 이득", Bilingual(
        ko="한 스텝에서 본 것이 불확실성을 줄인 양입니다.",
        en="How much what was seen at one step lowers the uncertainty."),
        ("정보이득", "정보 획득량", "정보 게인")),
    Term("intrinsic reward", "내재적 보상", Bilingual(
        ko="환경이 아니라 학습 방법이 스스로 만드는 보상입니다.",
        en="Reward made by the learning method itself, not by the environment."),
        ("내적 보상", "내재 보상", "본질적 보상", "내재적보상")),
    Term("KL divergence", "KL 발산", Bilingual(
        ko="한 분포가 다른 분포와 얼마나 다른지 재는, 0 이상인 양입니다.",
        en="A quantity of at least 0 that measures how one distribution differs from another."),
        ("KL 다이버전스", "KL발산", "KL 괴리도")),
    Term("encoder", "인코더", Bilingual(
        ko="데이터를 짧은 표현으로 바꾸는 신경망입니다.",
        en="The network that turns data into a short representation."),
        ("부호화기", "부호기", "엔코더")),
    Term("decoder", "디코더", Bilingual(
        ko="표현에서 데이터나 태스크를 되살리는 신경망입니다.",
        en="The network that recovers data or a task from a representation."),
        ("복호화기", "복호기")),
    Term("belief", "신념", Bilingual(
        ko="지금까지의 경험이 주어졌을 때 문제에 대한 사후 분포입니다.",
        en="The posterior over problems, given the experience so far."),
        ("믿음 상태", "빌리프", "신뢰 상태")),
    Term("Bayes-optimal", "베이즈 최적", Bilingual(
        ko="사전 분포에 대해 기대 리턴이 가장 큰, 신념을 셈에 넣은 행동입니다.",
        en="Best in expected return under the prior, with the belief taken into account."),
        ("베이지안 최적", "베이즈최적", "베이스 최적")),
    Term("regret", "후회(regret)", Bilingual(
        ko="최적의 리턴과 실제 리턴의 차이입니다.",
        en="The return of the optimum minus the return obtained."),
        ("리그렛", "후회값")),
    Term("multi-armed bandit", "멀티암드 밴딧", Bilingual(
        ko="상태가 하나이고 팔마다 보상의 분포가 다른 태스크입니다.",
        en="A task with one state, where each arm has its own reward distribution."),
        ("멀티 암드", "다중 슬롯머신", "멀티암 밴딧", "다중 팔", "밴디트", "multi-arm bandit", "multi armed bandit")),
    Term("sample complexity", "표본 복잡도", Bilingual(
        ko="목표에 이르는 데 필요한 경험의 양입니다.",
        en="How much experience is needed to reach a goal."),
        ("샘플 복잡도", "샘플 복잡성", "표본 복잡성", "표본복잡도")),
    Term("end-to-end optimisation", "종단간(end-to-end) 최적화", Bilingual(
        ko="하나의 목적 함수로 탐험과 실행을 한꺼번에 배우는 것입니다.",
        en="Learning exploration and execution together from one objective."),
        ("엔드투엔드", "엔드 투 엔드", "종단 간", "단대단")),
    Term("coupling (chicken-and-egg) problem", "결합(닭과 달걀) 문제", Bilingual(
        ko="탐험과 실행이 서로가 좋아지기를 기다려 둘 다 배우지 못하는 문제입니다.",
        en="Exploration and execution each wait for the other to be good, so neither is learned."),
        ("커플링", "닭과 계란", "닭이 먼저냐")),
    Term("decoupling", "분리(디커플링)", Bilingual(
        ko="탐험과 실행의 목적 함수를 나누어 서로를 기다리지 않게 하는 것입니다.",
        en="Giving exploration and execution objectives of their own, so that neither waits."),
        ("탈동조화", "디커플드", "비결합")),
    Term("trajectory", "궤적", Bilingual(
        ko="상태, 행동, 보상이 차례로 이어진 기록입니다.",
        en="The record of states, actions and rewards in order."),
        ("트래젝토리", "궤도")),
    Term("episode", "에피소드", Bilingual(
        ko="시작 상태에서 끝까지 이어지는 한 번의 상호작용입니다.",
        en="One stretch of interaction from a start state to an end."),
        ("에피소우드", "에피쏘드")),
    Term("trial", "트라이얼", Bilingual(
        ko="한 문제에서 이어지는 여러 에피소드로, 도시에서는 앞이 탐험이고 마지막이 실행입니다.",
        en="Several episodes in one problem; in the cities the earlier ones explore and the last one executes."),
        ("트라이알", "메타 에피소드", "메타에피소드")),
    Term("recurrent neural network", "순환 신경망", Bilingual(
        ko="은닉 상태를 스텝마다 넘기며 순서가 있는 입력을 읽는 신경망입니다.",
        en="A network that reads a sequence and passes a hidden state on at each step."),
        ("재귀 신경망", "순환신경망", "리커런트")),
    Term("ablation", "절제 실험(ablation)", Bilingual(
        ko="한 부분을 빼고 다시 재어 그 부분의 몫을 보는 실험입니다.",
        en="Measuring again without one part, to see what that part contributes."),
        ("어블레이션", "소거 실험", "제거 실험", "절제 연구")),
    Term("gradient", "그래디언트", Bilingual(
        ko="파라미터를 조금 바꿀 때 목적 함수가 변하는 방향과 크기입니다.",
        en="The direction and size of an objective's change with its parameters."),
        ("그라디언트", "그레디언트", "그래디언드")),
    Term("parameter", "파라미터", Bilingual(
        ko="학습이 바꾸는 신경망 속의 값입니다.",
        en="A number of a network that learning changes."),
        ("파라메터", "패러미터", "매개 변수")),
    Term("hidden layer", "은닉층", Bilingual(
        ko="입력과 출력 사이에 있는 신경망의 층입니다.",
        en="A layer of a network between its input and its output."),
        ("은닉 층", "히든 레이어", "숨은 층", "히든층")),
    Term("objective", "목적 함수", Bilingual(
        ko="학습이 크게 (또는 작게) 만들려는 값입니다.",
        en="The number that learning makes large (or small)."),
        ("목적함수", "목표 함수", "오브젝티브")),
    Term("value function", "가치 함수", Bilingual(
        ko="어떤 상태(또는 은닉 상태)부터 기대되는 리턴입니다.",
        en="The return to be expected from a state (or a hidden state) on."),
        ("가치함수", "밸류 함수")),
    Term("advantage", "이득(advantage)", Bilingual(
        ko="한 행동 다음에 실제로 받은 것이 가치 함수의 예상보다 얼마나 많은지입니다.",
        en="How much more came after an action than the value function had expected."),
        ("어드밴티지", "우위 함수")),
    Term("Q-value", "Q값", Bilingual(
        ko="어떤 상태에서 한 행동을 고른 다음 기대되는 리턴입니다.",
        en="The return to be expected after an action in a state."),
        ("큐값", "Q 값", "Q-함수")),
    Term("critic", "크리틱", Bilingual(
        ko="Q값이나 가치 함수를 배우는 신경망입니다.",
        en="The network that learns Q-values or a value function."),
        ("비평가", "비평자", "평론가")),
    Term("actor", "행위자", Bilingual(
        ko="행동을 고르는 신경망이며, 크리틱의 평가로 배웁니다.",
        en="The network that chooses actions and learns from what the critic says of them."),
        ("액터", "행동자")),
    Term("replay buffer", "재생 버퍼", Bilingual(
        ko="지난 경험을 모아 두고 여러 번 다시 학습에 쓰는 저장소입니다.",
        en="Past experience, kept to be learned from again."),
        ("리플레이 버퍼", "재현 버퍼", "경험 버퍼")),
    Term("seed", "시드", Bilingual(
        ko="난수의 출발점입니다. 시드만 다른 학습들은 같은 방법이 얼마나 들쭉날쭉한지 보여 줍니다.",
        en="Where random numbers start. Trainings that differ in nothing else show how much a method's outcome varies."),
        ("씨드", "시이드")),
)


def find_term(name: str) -> Term:
    """The term with this English or Korean name; raises CourseError naming the nearest ones."""
    wanted = name.strip().casefold()
    for term in TERMS:
        if wanted in (term.en.casefold(), term.ko.casefold()):
            return term
    near = difflib.get_close_matches(wanted, [term.en for term in TERMS], n=4, cutoff=0.3)
    listed = ", ".join(near or [term.en for term in TERMS])
    raise CourseError(Bilingual(
        ko=f'용어집에 "{name}"이(가) 없습니다. 비슷한 용어: {listed}.',
        en=f'The glossary has no term "{name}". Near ones: {listed}.',
    ))


def glossary(*names: str) -> None:
    """Show the given terms, or all of them, with their names and meanings in both languages."""
    terms = [find_term(name) for name in names] or sorted(TERMS, key=lambda term: term.en.casefold())
    header = ("한국어", "English", cards.words(Bilingual(ko="뜻", en="Meaning")))
    body = [
        (f"<strong>{term.ko}</strong>", f"<strong>{term.en}</strong>", cards.words(term.meaning))
        for term in terms
    ]
    heading = cards.heading("≡", "", Bilingual(ko="용어", en="Terms"), "calm")
    cards.show(cards.panel("calm", heading, cards.table(header, body)))


def variants_in(text: str) -> list[tuple[int, str, Term]]:
    """Spellings that the course does not use: line number, what stands there, the term to use instead.

    Code is left alone (fenced blocks and `inline code`). An English variant counts as a whole word; a Korean
    one must not continue a longer Korean word, because particles follow a word and never precede it.
    """
    found = []
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
            continue
        if fenced:
            continue
        prose = re.sub(r"`[^`]*`", "", line)
        for term in TERMS:
            for variant in term.never:
                if re.search(_pattern(variant), prose, flags=re.IGNORECASE):
                    found.append((number, variant, term))
    return found


def _pattern(variant: str) -> str:
    if re.search("[가-힣]", variant):
        return rf"(?<![가-힣]){re.escape(variant)}"
    return rf"\b{re.escape(variant)}\b"
