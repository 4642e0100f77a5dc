"""Learning to explore by reinforcement: the library behind the lessons."""
