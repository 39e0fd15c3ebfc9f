"""Public tables of training runs as ``Runs``, from files that stay with their authors."""

from bayeslaw.datasets.files import Table, tables
from bayeslaw.datasets.readers import (
    fetch_chinchilla,
    fetch_clark2022,
    fetch_gadre2024,
    fetch_marin_hero,
    fetch_marin_isoflop,
    fetch_marin_structure,
    fetch_olmo_ladder,
    fetch_upcycling,
)

__all__ = [
    "Table",
    "fetch_chinchilla",
    "fetch_clark2022",
    "fetch_gadre2024",
    "fetch_marin_hero",
    "fetch_marin_isoflop",
    "fetch_marin_structure",
    "fetch_olmo_ladder",
    "fetch_upcycling",
    "tables",
]
