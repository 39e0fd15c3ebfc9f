"""From columns of fields to variables of laws, for all rows at once; and of released models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayeslaw.architecture.count import count, known_convention, variables
from bayeslaw.architecture.lookup import family_of
from bayeslaw.architecture.shape import shape_in_family, shape_of_columns


def variables_of_columns(
    family: str, columns: Mapping[str, Any], *, embeddings: str = "included", place: str
) -> dict[str, np.ndarray]:
    """The variables of laws for every row; NaN where a field is missing or impossible."""
    known_convention(embeddings, place=place)
    shape, _ = shape_of_columns(family_of(family, place=place), columns, place=place)
    # What is not positive cannot be a size; NaN is found, and its row named, by the table's checks.
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
        shape[name] = np.where(shape[name] > 0, shape[name], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        derived = variables(shape, count(shape), embeddings)
    rows = np.broadcast_shapes(*(np.shape(value) for value in columns.values()))
    return {name: np.broadcast_to(value, rows) for name, value in derived.items()}


def released_variables(model_type: str) -> dict[str, float]:
    """The variables of the released model whose proportions ``buildable`` follows."""
    family = family_of(model_type, place="released_variables")
    shape = shape_in_family(family, family.released)
    values = variables(shape, count(shape))
    return {name: float(value) for name, value in values.items()}
