"""Readers of public tables: their columns as variables, with what is derived or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.notes import Note
from bayeslaw.datasets.files import open_table
from bayeslaw.runs import Runs, read_runs

type Folder = str | Path | None

_ROUTERS = ("S-Base", "RL-R", "Hash")
# Layers by width in the Marin project's sweeps.
_LAYERS = {512: 6, 768: 8, 1024: 11, 1280: 13, 1536: 16}
_BY_WIDTH = (
    "G and S are in units of a routed expert's width: G = top_k / (1 - S), S the shared experts' "
    "share of the active width"
)


def fetch_clark2022(router: str = "S-Base", *, folder: Folder = None) -> Runs:
    """Routed language models of Clark et al. 2022 (arXiv:2202.01169), and their dense ones.

    Every second layer is routed to one of E experts. All runs have about 130e9 tokens, G = 1 and
    S = 0: constants of the table. Runs without a loss are left out.

    Parameters
    ----------
    router : {"S-Base", "RL-R", "Hash"}
        Routers differ in level; dense runs belong to each.
    folder : str or Path, optional
        The folder of the file; ``BAYESLAW_DATA`` or the user's data folder unless given.

    Returns
    -------
    Runs
        N, N_a, D, G, S, E and the validation loss in nats.

    Raises
    ------
    TableError
        If the file is not there (how to get and place it), or is another table.
    """
    check_names([router], _ROUTERS, "unknown router {!r}", place="fetch_clark2022")
    frame, notes = open_table("clark2022", folder)
    frame = frame[frame["router_type"].isin([router, "Dense"]) & frame["loss_validation"].notna()]
    columns = {
        "N": "total_parameter_count",
        "N_a": "dense_parameter_count",
        "D": "130e9",
        "E": "num_experts",
        "G": "1",
        "S": "0",
        "loss": "loss_validation",
    }
    stated = "D = 130e9, G = 1 and S = 0 are constants of the sweep, not columns of the table"
    return _read(frame, columns, "clark2022", notes, stated)


def fetch_upcycling(
    *, tokens: str = "D1 + D2", one_active: bool = False, folder: Folder = None
) -> Runs:
    """Mixtures of experts upcycled from dense checkpoints, Liew et al. 2025 (arXiv:2502.03009).

    Parameters
    ----------
    tokens : {"D1 + D2", "D2", "D1"}
        What D is: dense tokens before upcycling (D1), tokens after it (D2), or their sum. No law of
        one D states how they interact.
    one_active : bool
        Whether runs with one active expert are kept: a regime of its own, in which more experts are
        worse.
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N and N_a without embeddings, D, G (active experts, from N_a over the dense size), S = 0, E
        and the loss in nats.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    check_names([tokens], ("D1 + D2", "D2", "D1"), "no tokens {!r}", place="fetch_upcycling")
    frame, notes = open_table("upcycling", folder)
    active = (1 + (frame["N_active"] / frame["N_dense"] - 1) / 0.75).round()
    frame = frame.assign(active=active, experts=frame["Model"].str.split("x").str[0].astype(float))
    stated = f"D is {tokens}; S = 0; G is 1 + (N_active/N_dense - 1)/0.75, rounded"
    if not one_active:
        frame = frame[frame["active"] > 1]
        stated += "; runs with one active expert, a regime of their own, are left out"
    columns = {
        "N": "N_total",
        "N_a": "N_active",
        "D": tokens,
        "G": "active",
        "S": "0",
        "E": "experts",
        "loss": "Loss",
    }
    units = {"N": 1e9, "N_a": 1e9, "D": 1e9}
    return _read(frame, columns, "upcycling", notes, stated, units=units, embeddings="excluded")


def fetch_marin_isoflop(*, folder: Folder = None) -> Runs:
    """The Marin project's MoE iso-FLOP sweep v16: budgets from 1e18 to 3e20 FLOPs.

    E = 64, four routed experts and a shared one are active in every run.

    Parameters
    ----------
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N and N_a without embeddings, D, G, S (by width), E and the Paloma macro loss in nats.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("marin_isoflop", folder)
    routed = frame["expert_intermediate_dim_derived"] * frame["top_k"]
    shared = frame["shared_intermediate_dim_derived"]
    frame = frame.assign(share=(shared / (shared + routed)).round(4))
    columns = _MARIN | {"D": "tokens", "G": "top_k / (1 - share)", "S": "share"}
    return _read(frame, columns, "marin_isoflop", notes, _BY_WIDTH, embeddings="excluded")


def fetch_marin_structure(*, folder: Folder = None) -> Runs:
    """Structure contrasts of the Marin project at equal budget: shared experts, width, top-k.

    Only differences inside one ``hidden_dim`` are clean: pool it with
    ``contrasts={"structure": "hidden_dim"}``.

    Parameters
    ----------
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N and N_a without embeddings, G, S (by width), E, the Paloma macro loss in nats, and D =
        budget / (6 N_a): tokens are not stated, and an equal budget gives them up to a factor that
        is about common to a ``hidden_dim``.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("marin_structure", folder)
    frame = frame.assign(share=frame["shared_share_of_active_ffn"])
    columns = _MARIN | {
        "D": "budget_flops / (6 * n_active_nonembed_derived)",
        "G": "top_k / (1 - share)",
        "S": "share",
    }
    stated = f"tokens are not stated: D is budget / (6 N_a). {_BY_WIDTH}"
    return _read(frame, columns, "marin_structure", notes, stated, embeddings="excluded")


def fetch_marin_hero(*, folder: Folder = None) -> Runs:
    """The Marin project's iso-FLOP sweep of a later recipe: 128 experts, four routed, two shared.

    Parameter counts are not stated. N_a is budget / (6 tokens), attention included. N is an
    assumption: routed experts half as wide as the model, in as many layers as the v16 sweep has.

    Parameters
    ----------
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N (assumed), N_a, D, G = 6, S = 1/3, E and the Paloma macro loss in nats.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("marin_hero", folder)
    unknown = sorted({*frame["hidden_dim"]} - {*_LAYERS})
    if unknown:
        problem = f"hidden_dim = {unknown[0]}, of which the number of layers is unknown"
        raise RequestError(problem, place="fetch_marin_hero", remedy="Leave those rows out")
    active = frame["budget_flops"] / (6.0 * frame["tokens"])
    expert = 1.5 * frame["hidden_dim"].astype(float) ** 2 * frame["hidden_dim"].map(_LAYERS)
    total = active + (frame["num_experts"] - frame["top_k"]) * expert
    frame = frame.assign(total=total, active=active)
    columns = {
        "N": "total",
        "N_a": "active",
        "D": "tokens",
        "G": "top_k + shared_experts",
        "S": "shared_experts / (top_k + shared_experts)",
        "E": "num_experts",
        "loss": "paloma_macro_loss_nats",
    }
    stated = (
        "N_a is budget / (6 tokens), attention included; N is assumed: routed experts half as wide "
        "as the model, in as many layers as the v16 sweep has"
    )
    return _read(frame, columns, "marin_hero", notes, stated, embeddings="excluded")


def fetch_chinchilla(*, folder: Folder = None) -> Runs:
    """Points of Hoffmann et al. 2022, digitised by Besiroglu et al. 2024 (arXiv:2404.10102).

    Parameters
    ----------
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N, D and the loss in nats; the five highest losses stand out of every fit.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("chinchilla", folder)
    columns = {"N": "Model Size", "D": "Training Tokens"}
    return _read(frame, columns, "chinchilla", notes)


def fetch_olmo_ladder(loss: str = "c4_en", *, folder: Folder = None) -> Runs:
    """The OLMo ladder: five sizes at .5 to 10 times the Chinchilla-optimal tokens.

    Parameters
    ----------
    loss : str
        The validation set.
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N, D and the loss in nats; re-runs of a setting are replicates.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("olmo_ladder", folder)
    check_names([loss], frame.columns, "no column {!r}", place="fetch_olmo_ladder")
    columns = {"N": "N_as_repo", "D": "tokens", "loss": loss}
    return _read(frame, columns, "olmo_ladder", notes)


def fetch_gadre2024(dataset: str = "c4_original", *, folder: Folder = None) -> Runs:
    """The over-training grid of Gadre et al. 2024 (arXiv:2403.08540), losses on C4.

    Parameters
    ----------
    dataset : str
        What the models are trained on.
    folder : str or Path, optional
        As for ``fetch_clark2022``.

    Returns
    -------
    Runs
        N with embeddings, D, the loss in nats and its standard error of evaluation.

    Raises
    ------
    TableError
        If the file is not there, or is another table.
    """
    frame, notes = open_table("gadre2024", folder)
    kinds = [str(kind) for kind in dict.fromkeys(frame["dataset"])]
    check_names([dataset], kinds, "no models trained on {!r}", place="fetch_gadre2024")
    columns = {
        "N": "params",
        "D": "tokens",
        "loss": "loss_c4_val",
        "loss_se": "(hi95_c4_val - lo95_c4_val) / 3.92",
    }
    frame = frame[frame["dataset"] == dataset]
    return _read(frame, columns, "gadre2024", notes, embeddings="included")


_MARIN = {
    "N": "n_total_nonembed_derived",
    "N_a": "n_active_nonembed_derived",
    "E": "num_experts",
    "loss": "paloma_macro_loss_nats",
}


def _read(
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    name: str,
    notes: tuple[Note, ...],
    stated: str = "",
    **options: Any,
) -> Runs:
    """The runs of a table, rows named by their line in the file."""
    # A text file's header is its line 1.
    frame = frame.set_axis(pd.Index(np.asarray(frame.index) + 2, name="line"))
    runs = read_runs(frame, columns=dict(columns), **options)
    if stated:
        notes = (*notes, Note("derived", "info", stated))
    return replace(runs, source=name, notes=(*notes, *runs.notes))
