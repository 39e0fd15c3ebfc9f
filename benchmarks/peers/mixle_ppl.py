"""mixle 0.7: its own scaling law by its random-walk sampler, all settings its defaults."""

from __future__ import annotations

import numpy as np

from peers import Answer, effective, quantities


def answer(path: str, law: str, seed: int) -> Answer:
    """Draw E, A, B, alpha, beta; its own allocation is a point, so that N* is made from draws."""
    from mixle.ppl.scaling_laws import fit_scaling_law

    table = np.genfromtxt(path, delimiter=",", names=True)
    runs = list(zip(table["N"], table["D"], table["loss"], strict=True))
    found = fit_scaling_law(runs, seed=seed)
    raw = {name: found.samples(name) for name in ("E", "A", "B", "alpha", "beta")}
    # It divides N and D by their medians.
    raw["A"] = raw["A"] * found.n0 ** raw["alpha"]
    raw["B"] = raw["B"] * found.d0 ** raw["beta"]
    least = min(map(effective, raw.values()))
    return quantities(raw, law), f"least effective size {least:.0f}, computed here"
