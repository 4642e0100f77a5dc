"""What every test shares."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window, with or without a screen

import torch  # noqa: E402  (matplotlib's backend is chosen before anything can import it)

torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings, and sums change with it
