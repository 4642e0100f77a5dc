"""The tasks as gymnasium environments, one at a time and batched; and trials out of anybody's environment.

Importing ``course_lib`` registers them for ``gymnasium.make`` and ``gymnasium.make_vec``. In
``course_lib/Map-v0`` a gym episode is one episode of the task; in ``course_lib/MapTrial-v0`` it is a whole
trial. So it is with every task of the course: ``course_lib.ENVIRONMENTS`` says how each is spelled.
gymnasium 1.4 looks for no plugins, so ``import course_lib`` comes first, or the name says it:
``gymnasium.make("course_lib:course_lib/Map-v0")``.

Both the ``Env`` and the ``VectorEnv`` step by the same ``Running`` as all of the course, so there is one set
of rules.

Observation: what the task lets a network sense, mostly features and the instruction one-hot. A trial adds
what RL² reads beside them: the last action (one-hot, or itself where it is continuous), the last reward, and
whether that step ended an episode; all zero at the trial's start. A trial's episodes follow each other inside
one gym episode, with the same pauses; what is chosen in a pause counts for nothing, and the next observation
shows action 0 in its place.

Reward: what is paid, where it counts. In a trial the rewards of an episode that does not count are observed,
but not given, so the rewards of a gym episode add up to the return of the trial.

``terminated`` marks every end, that of the clock too: the horizon belongs to these tasks, nothing is left to
gain after it, and bootstrapping there would be wrong. So ``truncated`` is always False.

``info`` is for research, not for the agent. ``info["hidden_problem"]`` is what exploration has to find out.

``TrialWrapper`` makes trials out of any other gymnasium environment; ``tasks.bring`` makes a course task.
"""

from course_lib.tasks.gym.envs import TaskEnv, TaskVectorEnv
from course_lib.tasks.gym.errors import InvalidAction, ResetNeeded, UnsupportedMode
from course_lib.tasks.gym.lanes import Lanes
from course_lib.tasks.gym.trial_wrapper import TrialWrapper

__all__ = [
    "InvalidAction", "Lanes", "ResetNeeded", "TaskEnv", "TaskVectorEnv", "TrialWrapper", "UnsupportedMode",
]  # fmt: skip
