"""Leaving sources out: what the others add to a source's few smallest runs."""

from __future__ import annotations

import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError


@pytest.fixture(scope="module")
def runs() -> bl.Runs:
    law, parts = bl.law("chinchilla"), {}
    for seed, floor in enumerate((1.6, 1.8, 2.0)):
        raw = {**law.published(), "E": floor}
        parts[f"s{seed}"] = bl.simulate(law, rows=20, noise_sd=0.003, seed=seed, coefficients=raw)
    return bl.pool_runs(parts)


def test_sources_that_agree_help(runs: bl.Runs) -> None:
    options = {"few": 6, "only": "s0", "warmup": 200, "draws": 200}
    found = bl.leave_one_source_out(runs, "chinchilla", **options)
    (row,) = found.to_frame().to_dict("records")
    assert (row["few"], row["larger"]) == (6, 14)
    # Six runs leave five coefficients nearly free; two whole sweeps of the same law do not.
    assert row["ratio"] == pytest.approx(row["crps_with_others"] / row["crps_alone"])
    assert row["ratio"] < 0.9
    assert "hurts none" in found.summary


def test_what_cannot_be_left_out_is_refused(runs: bl.Runs) -> None:
    with pytest.raises(RequestError, match="no source 's9'"):
        bl.leave_one_source_out(runs, "chinchilla", only="s9")
    with pytest.raises(RequestError, match="no source with more than 19"):
        bl.leave_one_source_out(runs, "chinchilla", few=19)
