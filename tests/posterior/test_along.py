"""Bends of residuals along each variable: what the law cannot follow is found, and noise is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bent_tables import bent
from scipy.stats import kstest

import bayeslaw as bl
from bayeslaw.posterior.along import FALSE_ALARMS, look_along


def mode(runs: bl.Runs, law: str) -> bl.Posterior:
    return bl.fit(runs, law, method="mode", seed=1, progress=False)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("G", "G"),
        ("S", "S"),
        ("N_a", "N_a"),
        ("E", "E"),
        ("N", "N at fixed FLOPs (1 is the mean)"),
    ],
)
def test_a_bend_along_any_variable_is_named(name: str, direction: str) -> None:
    law, runs = bent(name)
    posterior = mode(runs, law)
    (note,) = [note for note in posterior.notes if note.code == "misfit_along"]
    assert note.severity == "warning"
    assert note.about == direction
    assert f"residuals bend along {direction} as {law} cannot" in note.message
    assert 'discrepancy="gp"' in note.remedy


def test_the_note_tells_where_runs_lie_above_and_below_the_law() -> None:
    law, runs = bent("G")
    posterior = mode(runs, law)
    (bend, *_) = look_along(posterior)
    at = runs.column("G")
    value = np.median(posterior.evaluate(runs.columns(posterior.law.variables)), axis=0)
    # Of log loss, in nats.
    misfit = np.log(runs.column("loss") / value) * value
    ends = [(1, 1), (2, 4), (6, 12), (16, 16)]
    assert [(part.low, part.high) for part in bend.parts] == ends
    for part in bend.parts:
        here = (part.low <= at) & (at <= part.high)
        assert part.runs == here.sum()
        assert part.misfit == pytest.approx(misfit[here].mean())
    assert [np.sign(part.misfit) for part in bend.parts] == [-1, 1, -1, 1]
    assert bend.largest is bend.parts[-1]
    assert bend.text.endswith(f"{bend.largest.misfit:.2g} above at 16")
    (note,) = [note for note in posterior.notes if note.code == "misfit_along"]
    assert f"mean loss (nats) {bend.text}" in note.message


def test_noise_does_not_bend() -> None:
    tables = [bl.simulate("chinchilla", rows=40, seed=700 + seed) for seed in range(60)]
    fits = bl.fit_many(tables, "chinchilla", method="mode", progress=False)
    found = [look_along(fit) for fit in fits]
    clearest = np.array([along[0].p_value for along in found])
    assert {len(along) for along in found} == {3}
    # One in a hundred at most: more than three of sixty would be one chance in 300.
    assert (clearest <= FALSE_ALARMS).sum() <= 3
    # Corrected for three directions, none smaller than a uniform one would be.
    assert kstest(clearest, "uniform", alternative="greater").pvalue > 1e-3


def test_a_discrepancy_takes_the_place_of_bends() -> None:
    law, runs = bent("G")
    posterior = bl.fit(runs, law, method="mode", discrepancy="gp", progress=False)
    assert look_along(posterior) == ()


def test_a_shift_of_each_pooled_group_is_no_bend() -> None:
    runs = bl.simulate("chinchilla", rows=60, seed=5)
    large = np.where(runs.column("N") > np.median(runs.column("N")), "large", "small")
    lifted = runs.column("loss") + np.where(large == "large", 0.1, 0.0)
    table = runs.table.assign(loss=lifted, family=large)
    grouped = replace(runs, table=table, groups=("family",))
    pooled = bl.fit(grouped, "chinchilla", method="mode", pool=["E"], progress=False)
    assert look_along(pooled)[0].p_value > FALSE_ALARMS
    assert look_along(mode(grouped, "chinchilla"))[0].p_value < FALSE_ALARMS


def test_a_cost_in_variables_that_the_law_does_not_read_gives_no_direction() -> None:
    # Its cost needs the number of experts, its law does not.
    runs = bl.simulate("krajewski2024", rows=40, seed=1)
    names = {along.name for along in look_along(mode(runs, "krajewski2024"))}
    assert names >= {"N", "D"}
    assert not any("FLOPs" in name for name in names)
