"""The tables of a result: widths as runs are added, the runs, all candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.design.beside import affordable, iso_flop_grid, random_path, widths
from bayeslaw.design.pool import Pool
from bayeslaw.design.rule import Joint

if TYPE_CHECKING:
    import pandas as pd


def path_of(joint: Joint, pool: Pool, chosen: np.ndarray, width: float, seed: int) -> pd.DataFrame:
    """Widths as runs are added, beside random runs and an iso-FLOP grid."""
    import pandas as pd

    spent = float(pool.costs[chosen].sum())
    own = np.concatenate([[0.0], np.cumsum(pool.costs[chosen])])
    parts = {"chosen": (own, widths(joint, chosen))}
    most = max(4 * len(chosen), 20)
    if len(chosen):
        parts["random"] = random_path(joint, pool.costs, spent, most, seed)
        grid = iso_flop_grid(pool.columns, pool.costs, spent, most)
        grid = affordable(grid, pool.costs, spent)
        if len(grid):
            total = np.concatenate([[0.0], np.cumsum(pool.costs[grid])])
            parts["iso-FLOP grid"] = (total, widths(joint, grid))
    return pd.concat(
        [
            pd.DataFrame(
                {"design": name, "runs": np.arange(len(c)), "cost": c, "width": width * share}
            )
            for name, (c, share) in parts.items()
        ],
        ignore_index=True,
    )


def frame_of(pool: Pool, chosen: np.ndarray, path: pd.DataFrame) -> pd.DataFrame:
    """The chosen runs in their order."""
    table = pool.table.iloc[chosen].drop(columns="cost", errors="ignore").copy()
    own = path[path["design"] == "chosen"]
    table["cost"] = pool.costs[chosen]
    table["total_cost"] = own["cost"].to_numpy()[1:]
    table["width"] = own["width"].to_numpy()[1:]
    table.index = np.arange(1, len(table) + 1)
    return table.rename_axis("run")


def candidates_of(joint: Joint, pool: Pool, chosen: np.ndarray) -> pd.DataFrame:
    """All candidates with what each alone would narrow."""
    left = np.maximum(1.0 - joint.single_gains() / max(joint.total, 1e-300), 0.0)
    counts = np.bincount(chosen, minlength=len(pool))
    return pool.table.assign(cost=pool.costs, gain=1.0 - np.sqrt(left), chosen=counts)
