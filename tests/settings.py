"""The settings of a program, which a library may not change."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import matplotlib as mpl
import numpy as np


def state() -> dict[str, Any]:
    """Settings of a program that a library may not change; loggers that others add are theirs."""
    generator = np.random.get_state(legacy=False)  # noqa: NPY002
    loggers = [logging.root, *map(logging.getLogger, ("jax", "matplotlib", "numpyro", "arviz"))]
    return {
        "jax": dict(jax.config.values),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "rcParams": dict(mpl.rcParams),
        "logging": [(each.level, list(each.handlers), each.propagate) for each in loggers],
        "NumPy's errors": np.geterr(),
        "NumPy's printing": np.get_printoptions(),
        "NumPy's random": str(generator),
        "random": random.getstate(),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "signals": [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
        "hooks": (sys.excepthook, sys.displayhook, sys.stdout, sys.stderr),
    }
