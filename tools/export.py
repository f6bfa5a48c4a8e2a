#!/usr/bin/env python3
"""Start `segbox export` from a checkout, installed or not."""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports ends the tool without a stack trace

from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from segbox.commands import start

if __name__ == "__main__":
    start("export")
