"""Diagnostics of draws and designs: what is trusted, and what is said when it is not."""

from __future__ import annotations

import numpy as np
import pytest

from bayeslaw.core.notes import Note, worst
from bayeslaw.posterior.convergence import Convergence


def normals(seed: int = 0, chains: int = 4, draws: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(chains, draws))


def autoregressive(coefficient: float, seed: int = 0) -> np.ndarray:
    """Four chains of 1,000 steps with variance one, started from it."""
    steps = normals(seed, draws=1200) * np.sqrt(1 - coefficient**2)
    steps[:, 0] /= np.sqrt(1 - coefficient**2)
    for i in range(1, steps.shape[1]):
        steps[:, i] += coefficient * steps[:, i - 1]
    return steps[:, 200:]


def statistics(divergences: int = 0, energy: np.ndarray | None = None) -> dict[str, np.ndarray]:
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging.ravel()[:divergences] = True
    return {"diverging": diverging, "energy": normals(9) if energy is None else energy}


def codes(notes: tuple[Note, ...]) -> list[str]:
    return [note.code for note in notes]


# --- draws -----------------------------------------------------------------------------------


def test_independent_draws_are_trusted() -> None:
    found = Convergence.of({"alpha": normals(1), "beta": normals(2)}, statistics())
    assert found.trusted
    assert found.notes() == ()
    # R-hat - 1 of 4,000 independent draws is of the order of 1/4000, its tail below .005.
    assert abs(found.rhat["alpha"] - 1) < 0.005
    # The ESS of independent draws is their number, within about a tenth.
    assert found.ess_bulk["alpha"] == pytest.approx(4000, rel=0.15)
    assert found.ess_tail["beta"] == pytest.approx(4000, rel=0.15)
    # Energies without memory: E-BFMI is Var(difference) / Var = 2.
    assert found.bfmi == pytest.approx(2, rel=0.15)


def test_chains_at_different_places_are_not() -> None:
    stuck = normals(3)
    stuck[2] += 3
    found = Convergence.of({"alpha": normals(1), "beta": stuck}, statistics())
    assert not found.trusted
    (note,) = (note for note in found.notes() if note.code == "rhat")
    assert note.severity == "error"
    assert f"R-hat of the fit is {found.rhat['beta']:.3f} for beta" in note.message
    assert note.message.endswith("for beta")
    assert note.remedy
    assert found.rhat["beta"] > 1.2


def test_of_many_quantities_a_few_are_named() -> None:
    short = {f"x_{i}": normals(i)[:, :50] for i in range(30)}
    (note,) = (note for note in Convergence.of(short).notes() if note.code == "ess_bulk")
    assert note.message.endswith("x_10, x_11 and 18 more")


def test_chains_of_different_widths_are_not() -> None:
    # Means agree; only folding, as in rank-normalised R-hat, sees it.
    wide = normals(4)
    wide[0] *= 3
    assert "rhat" in codes(Convergence.of({"alpha": wide}).notes())


def test_a_drift_within_chains_is_seen() -> None:
    # All chains drift alike: only splitting each in two sees it.
    drifting = normals(5) + np.linspace(0, 2, 1000)
    assert "rhat" in codes(Convergence.of({"alpha": drifting}).notes())


def test_few_effective_draws_are_not_trusted() -> None:
    # An autoregressive chain has (1 - r)/(1 + r) effective draws a draw: 4000/39 and 4000/3.
    slow, quick = autoregressive(0.95), autoregressive(0.5)
    found = Convergence.of({"slow": slow, "quick": quick}, statistics())
    assert found.ess_bulk["slow"] == pytest.approx(4000 / 39, rel=0.5)
    assert found.ess_bulk["quick"] == pytest.approx(4000 / 3, rel=0.3)
    (note,) = (note for note in found.notes() if note.code == "ess_bulk")
    assert note.severity == "error"
    assert f"bulk ESS of the fit is {found.ess_bulk['slow']:.0f} for slow" in note.message
    assert "below 400 for slow" in note.message


def test_tails_are_looked_at_by_themselves() -> None:
    # The bulk moves freely; of what lies beyond the 94.5% quantile, most is one long excursion.
    draws = normals(6)
    draws[:, 400:440] += 5.0
    found = Convergence.of({"alpha": draws}, statistics())
    assert found.ess_tail["alpha"] < 400 < found.ess_bulk["alpha"]
    assert codes(found.notes()) == ["ess_tail"]


def test_one_divergence_is_one_too_many() -> None:
    found = Convergence.of({"alpha": normals(1)}, statistics(divergences=1))
    assert found.divergences == 1
    assert codes(found.notes()) == ["divergences"]
    assert found.notes()[0].message.startswith("1 divergent")


def test_energies_that_hardly_move_are_seen() -> None:
    # E-BFMI of an autoregressive energy is 2(1 - r): .1 here. One such chain is enough.
    energy = normals(9)
    energy[3] = autoregressive(0.95)[3]
    found = Convergence.of({"alpha": normals(1)}, statistics(energy=energy))
    assert found.bfmi == pytest.approx(0.1, rel=0.5)
    assert codes(found.notes()) == ["bfmi"]


def test_draws_that_are_no_numbers_are_never_trusted() -> None:
    draws = normals(1)
    draws[1, 3] = np.nan
    found = Convergence.of({"alpha": draws, "beta": normals(2)})
    assert not found.trusted
    assert codes(found.notes()) == ["rhat", "ess_bulk", "ess_tail"]
    assert all(note.message.endswith("for alpha") for note in found.notes())


def test_a_quantity_that_never_varies_is_no_trouble() -> None:
    found = Convergence.of({"G": np.ones((4, 1000))})
    assert found.trusted
    assert (found.rhat["G"], found.ess_bulk["G"], found.ess_tail["G"]) == (1.0, 4000.0, 4000.0)


def test_notes_name_what_was_diagnosed() -> None:
    stuck = normals(3)
    stuck[2] += 3
    note = Convergence.of({"G": stuck}).notes("the optimum")[0]
    assert note.message.startswith("R-hat of the optimum is")


# --- notes -----------------------------------------------------------------------------------


def test_the_gravest_note_decides() -> None:
    info, warning, error = (
        Note("a", "info", ""),
        Note("b", "warning", ""),
        Note("c", "error", ""),
    )
    assert worst([info, error, warning]) == "error"
    assert worst([info, warning]) == "warning"
    assert worst([info]) == "info"
    assert worst([]) is None
    assert Note("rhat", "error", "high", "draw more").to_dict() == {
        "code": "rhat",
        "severity": "error",
        "message": "high",
        "remedy": "draw more",
    }
