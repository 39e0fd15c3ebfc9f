"""bayeslaw: read, fit, ask for the optimum."""

from __future__ import annotations

from typing import Any

from peers import FLOPS, SIZE, Answer, interval


def answer(path: str, law: str, seed: int, method: Any) -> Answer:
    """Fit by NUTS or Laplace."""
    import bayeslaw as bl

    posterior = bl.fit(bl.read_runs(path), law, method=method, seed=seed, progress=False)
    if law == "zhao2025":
        best = bl.optimum(posterior, at={"N": SIZE}).quantities
        found = {name: (one.low, one.median, one.high) for name, one in best.items()}
    else:
        raw = posterior.coefficients()
        size = bl.optimum(posterior, budget=bl.Budget(train_flops=FLOPS)).quantities["N"]
        found = {name: interval(raw[name]) for name in ("E", "alpha", "beta")}
        found["N*"] = (size.low, size.median, size.high)
    if method == "laplace":
        return found, f"Pareto k {posterior.info.pareto_k:.2f}"
    state = posterior.convergence
    worst, least = max(state.rhat.values()), min(state.ess_bulk.values())
    said = f"R-hat {worst:.3g}, least effective size {least:.0f}, {state.divergences} divergences"
    return found, said
