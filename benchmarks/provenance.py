"""What a kept result says of its making: command, commit, versions, machine."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit that runs, and whether the package has uncommitted changes.

    Returns
    -------
    str
        Its short name, and what was added.
    """
    changed = _git("status", "--porcelain", "--", "bayeslaw", "models")
    return _git("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")


def heading(title: str, command: str) -> str:
    """First lines of a kept result.

    Parameters
    ----------
    title : str
        What was measured.
    command : str
        How to measure it again, from the top of a checkout.

    Returns
    -------
    str
        Markdown.
    """
    names = ("jax", "numpyro", "arviz", "numpy")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    return (
        f"# {title}\n\n"
        f"    {command}\n\n"
        f"Commit {commit()}, {datetime.now(UTC):%Y-%m-%d}; Python "
        f"{platform.python_version()}, {versions}; {platform.machine()}, "
        f"{os.cpu_count()} cores.\n\n"
    )


def table(heads: list[str], rows: list[list[object]]) -> str:
    """A Markdown table.

    Parameters
    ----------
    heads : list of str
        Names of the columns.
    rows : list of list
        Values; numbers are written with four digits.

    Returns
    -------
    str
        Markdown.
    """

    def cell(value: object) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = [heads, ["---"] * len(heads), *([cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n"


def keep(text: str, out: str | None) -> None:
    """Print a result, and write it to a file if one is named.

    Parameters
    ----------
    text : str
        Markdown.
    out : str or None
        File to write.
    """
    sys.stdout.write(text)
    if out is not None:
        Path(out).write_text(text, encoding="utf-8")


def peak() -> float:
    """Largest memory of this process so far.

    Returns
    -------
    float
        In MB; where the system does not tell it, with what the parent held at the start.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        # In bytes there, in kilobytes elsewhere.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            1e6 if sys.platform == "darwin" else 1e3
        )
    (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
    return float(line.split()[1]) / 1e3


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
