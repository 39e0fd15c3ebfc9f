"""Tables of training runs: read, mapped to canonical variables, and validated."""

from bayeslaw.runs.read import read_runs
from bayeslaw.runs.reference import ReferenceRun
from bayeslaw.runs.table import Runs

__all__ = ["ReferenceRun", "Runs", "read_runs"]
