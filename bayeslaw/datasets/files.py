"""Where the file of a public table lies, what it must hold, and how it is to be cited."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import platformdirs

from bayeslaw.core.errors import TableError
from bayeslaw.core.files import as_path
from bayeslaw.core.notes import Note

#: Names a folder of tables.
VARIABLE = "BAYESLAW_DATA"


@dataclass(frozen=True)
class Table:
    """A public table of training runs.

    Attributes
    ----------
    name, file : str
        Its name, and that of its file.
    home, licence, citation : str
        Where its authors publish it, under what terms, and what to cite.
    made_by : str
        How the file follows from what is published.
    columns : tuple of str
        Columns that the reader needs.
    sha256 : str
        Of the file that the results of this project were computed from.
    """

    name: str
    file: str
    home: str
    licence: str
    citation: str
    made_by: str
    columns: tuple[str, ...]
    sha256: str


TABLES = {
    table.name: table
    for table in (
        Table(
            "clark2022",
            "clark2022_final.csv",
            "github.com/google-deepmind/scaling_laws_for_routing, data/curves.csv.gz",
            "CC-BY-4.0, DeepMind",
            "Clark et al. 2022, Unified scaling laws for routed language models, arXiv:2202.01169",
            "the last logged step of each hyper_id",
            (
                *("num_experts", "router_type", "total_parameter_count"),
                *("dense_parameter_count", "loss_validation", "seed"),
            ),
            "15da7f4f1b0227419be202056f34916555929f904c14d6561fa2ee4666e1fe2c",
        ),
        Table(
            "upcycling",
            "upcycling_moe.csv",
            "github.com/sbintuitions/sparse-upcycling-scaling-laws",
            "Apache-2.0; the collected table CC-BY-4.0",
            "Liew et al. 2025, Scaling laws for upcycling mixture-of-experts language models, "
            "arXiv:2502.03009",
            "its runs as rows, counts in billions",
            ("Model", "N_dense", "N_active", "N_total", "D1", "D2", "Loss"),
            "626e20939e43ddb57c2038b9157d8c509fb30970dcefe704dd49cf22b8bd72d0",
        ),
        Table(
            "marin_isoflop",
            "marin_moe_isoflop.csv",
            "github.com/marin-community/marin, public log of the MoE iso-FLOP sweep v16",
            "Apache-2.0",
            "Marin project, MoE iso-FLOP sweep v16",
            "the runs of the log as rows, with counts derived from widths and layers",
            (
                *("tokens", "hidden_dim", "num_experts", "top_k", "n_total_nonembed_derived"),
                *("n_active_nonembed_derived", "expert_intermediate_dim_derived"),
                *("shared_intermediate_dim_derived", "paloma_macro_loss_nats"),
            ),
            "50208bae7340b87d57d48cd622948a034757e9ec1cc672b37aab76dce2e9b2fa",
        ),
        Table(
            "marin_structure",
            "marin_moe_structure.csv",
            "github.com/marin-community/marin, issues 4768, 5387 and 5424",
            "facts of a public issue log",
            "Marin project, issues 4768, 5387 and 5424",
            "numbers typed from the text of the issues",
            (
                *("hidden_dim", "budget_flops", "num_experts", "top_k"),
                *("shared_share_of_active_ffn", "n_total_nonembed_derived"),
                *("n_active_nonembed_derived", "paloma_macro_loss_nats"),
            ),
            "dc6b5b8bb96bcb1bac0a73e2860ab8dd308072fc44f9b73bb529182718900190",
        ),
        Table(
            "marin_hero",
            "marin_hero_isoflop.csv",
            "github.com/marin-community/marin, issue 8003",
            "Apache-2.0 project; facts of a public issue log",
            "Marin project, issue 8003",
            "the finished cells of the log, typed from its text",
            (
                *("budget_flops", "hidden_dim", "tokens", "num_experts", "top_k"),
                *("shared_experts", "paloma_macro_loss_nats"),
            ),
            "937cd29ce9ff654ca1d0c7b6082f3e059265ab63990145f114a56b99469e0789",
        ),
        Table(
            "chinchilla",
            "chinchilla.csv",
            "github.com/Besiroglu/data, svg_extracted_data.csv",
            "facts; the collected table CC-BY-4.0",
            "Hoffmann et al. 2022, arXiv:2203.15556; digitised by Besiroglu et al. 2024, "
            "arXiv:2404.10102",
            "parameters and losses as they are, tokens = FLOPs / (6 parameters)",
            ("Training Tokens", "Model Size", "loss"),
            "6ee63dcf4fbfca0f3e2eb13a0b98d341c5df18fd4d9976bcc2989816a20ac78b",
        ),
        Table(
            "olmo_ladder",
            "olmo_ladder.csv",
            "github.com/allenai/OLMo-ladder, final evaluations of each run",
            "Apache-2.0",
            "Bhagia et al. 2024, Establishing task scaling laws via compute-efficient model "
            "ladders, arXiv:2412.04403",
            "the last evaluation of each run as a row",
            ("N_as_repo", "tokens", "c4_en", "rerun"),
            "0188a02301d2ad648b2dca260280606dc8c04403d968deab917e97d112808629",
        ),
        Table(
            "gadre2024",
            "gadre2024.csv",
            "github.com/mlfoundations/scaling, exp_data",
            "MIT",
            "Gadre et al. 2024, Language models scale reliably with over-training, "
            "arXiv:2403.08540",
            "one row a model, with the losses of all its evaluations",
            ("dataset", "params", "tokens", "loss_c4_val", "lo95_c4_val", "hi95_c4_val"),
            "f54ad7aa153cea4ffef72a950193f9313d9fd2042956e0f00afdb3b9990c34ac",
        ),
    )
}


def tables() -> pd.DataFrame:
    """List the public tables that ``bl.datasets`` reads.

    Returns
    -------
    pandas.DataFrame
        A row a table: file, home, licence, citation, and how the file is made of what is published.
    """
    shown = ("file", "home", "licence", "citation", "made_by")
    rows = {name: {key: getattr(table, key) for key in shown} for name, table in TABLES.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("table")


def open_table(name: str, folder: str | Path | None) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """The table as published, its columns checked, with a note of its source and terms."""
    table = TABLES[name]
    path = _find(table, folder)
    content = path.read_bytes()
    try:
        frame = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        remedy = "Save the table again"
        raise TableError(f"no readable table ({error})", place=path.name, remedy=remedy) from None
    missing = [column for column in table.columns if column not in frame.columns]
    if missing:
        raise TableError(
            f"not the table {name}: it has no column {', '.join(map(repr, missing))}",
            place=path.name,
            remedy=f"Make it from {table.home}: {table.made_by}",
        )
    text = f"{table.citation}; {table.licence}; {table.home}"
    notes = [Note("public_table", "info", text)]
    if hashlib.sha256(content).hexdigest() != table.sha256:
        message = f"{path.name} differs from the file that this project's results were made from"
        notes.append(Note("table_changed", "warning", message, "Compare rows and columns"))
    return frame, tuple(notes)


def _find(table: Table, folder: str | Path | None) -> Path:
    named = os.environ.get(VARIABLE)
    own = Path(platformdirs.user_data_dir("bayeslaw")) / "datasets"
    places = [as_path(folder)] if folder is not None else [*([Path(named)] if named else []), own]
    for place in places:
        if (path := place / table.file).is_file():
            return path
    where = "folder=" if folder is not None else f"{VARIABLE}, or the user's data folder"
    raise TableError(
        f"{table.file} is not in {where}",
        place=f"bl.datasets, {table.name}",
        remedy=f"Get it from {table.home} ({table.made_by}; {table.licence}), save it as "
        f"{table.file}, and name its folder in {VARIABLE} or folder=",
    )
