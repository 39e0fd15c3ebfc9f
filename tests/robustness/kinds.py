"""Every kind of odd input, by name."""

from __future__ import annotations

from hypothesis import strategies as st

from robustness import cards, commands, files, formulas, requests, tables
from robustness.outcome import Attempt
from robustness.requests import Material


def kinds(given: Material) -> dict[str, st.SearchStrategy[Attempt]]:
    """Attempts of each kind."""
    return {
        "tables": tables.attempts(given.folder),
        "cards": cards.attempts(given.folder),
        "formulas": formulas.attempts(),
        "files": files.attempts(given.folder, given.saved),
        "requests": requests.attempts(given),
        "questions": requests.questions(given),
        "commands": commands.attempts(given),
    }
