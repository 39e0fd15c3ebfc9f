"""simple-scaling-laws 0.2: its default law and its default 1,000 draws of a wild bootstrap."""

from __future__ import annotations

from peers import FLOPS, TAIL, Answer

LOSS = "test_loss__loss"


def answer(path: str, law: str, seed: int) -> Answer:
    """Fit the separable power law, and allocate the compute."""
    import polars as pl
    from simple_scaling_laws import fit
    from simple_scaling_laws.cost import cost_model

    runs = pl.read_csv(path).with_row_index("training_run_id")
    runs = runs.rename({"N": "model_size__n", "D": "dataset_size__d", "loss": LOSS})
    model = fit(runs, seed=seed)
    middle = model.params(LOSS)
    ends = model.conf_int(LOSS, 1 - 2 * TAIL)
    found = {name: (ends[name][0], middle[name], ends[name][1]) for name in ("E", "alpha", "beta")}
    cost = cost_model("power", k=6.0, a=1.0, b=1.0)
    best = model.optimal_allocation([FLOPS], cost, quantiles=[TAIL, 0.5, 1 - TAIL])
    low, centre, high = (best[name][0] for name in best.columns if name.startswith("model_size"))
    notes = sorted({note.code for note in model.warnings if note.severity == "warning"})
    return {**found, "N*": (low, centre, high)}, "warns: " + ", ".join(notes) if notes else ""
