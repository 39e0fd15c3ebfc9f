"""Whether the intervals of a design will be right, and how wide, before compute is spent."""

from bayeslaw.calibrate.calibrate import calibrate
from bayeslaw.calibrate.result import Calibration

__all__ = ["Calibration", "calibrate"]
