"""Open the course as ``make lab`` does, on another folder: ``python open_lab.py FOLDER OPTION …``.

It ends when its standard input does. Whatever becomes of the test, even if it is killed, the system closes
that pipe, so that no server and no kernel stays behind.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from course_lib.setup import lab

STOPPING_S = 10.0  # the server shuts its kernels down within a second or two


def end_with_the_test() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)  # the server shuts down its kernels, then ends
    time.sleep(STOPPING_S)
    os._exit(1)


threading.Thread(target=end_with_the_test, daemon=True).start()
lab.ROOT = Path(sys.argv[1])  # copies of the notebooks: a learner's clicks must not change the checkout
lab.main(sys.argv[2:])
