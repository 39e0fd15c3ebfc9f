"""``architecture``: the variables of laws from a model's config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.architecture.count import (
    CONVENTIONS,
    PARTS,
    count,
    known_convention,
    layer_numbers,
    variables,
)
from bayeslaw.architecture.files import INDEX, compare_checkpoint, read_config
from bayeslaw.architecture.shape import shape_of_config
from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, real
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count as written
from bayeslaw.law.cost import COSTS

if TYPE_CHECKING:
    import pandas as pd

# It reads E as an expansion rate, of models with d_model = 64 n_blocks.
_OTHER_COSTS = {"krajewski2024"}
_LEFT_OUT = {
    "included": "all parameters",
    "output_only": "without the input embedding",
    "excluded": "without both embeddings",
}


@dataclass(frozen=True, eq=False)
class Architecture(Displayed):
    """What a model's configuration says of its size.

    Attributes
    ----------
    name : str
        Folder or file that the configuration was read from, else its ``model_type``.
    family : str
        The family by whose rules it was counted.
    shape : dict of str to float
        Its fields under canonical names.
    frame : pandas.DataFrame
        A row a part (embeddings, attention, Mamba layers, routed and shared experts, dense layers,
        router, norms), columns ``total`` and ``active``, in parameters.
    counts : pandas.DataFrame
        A row a convention of counting embeddings: ``included`` (all), ``output_only`` (without the
        input embedding) and ``excluded`` (without both); columns N and N_a.
    notes : tuple of Note
        What is not counted, what was assumed, and how a checkpoint beside the file compares.
    """

    name: str
    family: str
    shape: dict[str, float] = field(repr=False)
    frame: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame = field(repr=False)
    notes: tuple[Note, ...] = ()

    @property
    def N(self) -> float:
        """All parameters, embeddings included."""
        return float(self.counts.loc["included", "N"])

    @property
    def N_a(self) -> float:
        """Parameters active per token, embeddings included."""
        return float(self.counts.loc["included", "N_a"])

    @cached_property
    def _variables(self) -> dict[str, float]:
        shape = {name: np.asarray(value) for name, value in self.shape.items()}
        return {name: float(value) for name, value in variables(shape, count(shape)).items()}

    @property
    def G(self) -> float:
        """Active experts per token, shared ones in widths of a routed one included."""
        return self._variables["G"]

    @property
    def K(self) -> float:
        """Routed experts active per token."""
        return self._variables["K"]

    @property
    def S(self) -> float:
        """Width of the shared experts over that of all active experts."""
        return self._variables["S"]

    @property
    def S_by_count(self) -> float:
        """Number of shared experts over that of all active experts."""
        number = self.shape["num_shared_experts"]
        if "shared_expert_intermediate_size" in self.shape:
            # A width and no number: one expert, however wide.
            number = float(self.shape["shared_expert_intermediate_size"] > 0)
        return number / (self.K + number) if self.moe_layers else 0.0

    @property
    def E(self) -> float:
        """Routed experts of a layer; 1 for a dense model."""
        return self._variables["E"]

    @property
    def granularity(self) -> float:
        """4 hidden_size over the width of an expert."""
        return self._variables["granularity"]

    @property
    def activation(self) -> float:
        """Active over all experts, shared ones in both, by width."""
        return self._variables["activation"]

    @property
    def sparsity(self) -> float:
        """Share of routed experts that a token does not use."""
        return self._variables["sparsity"]

    @property
    def layers(self) -> int:
        """Layers."""
        return int(self.shape["num_hidden_layers"])

    @property
    def moe_layers(self) -> int:
        """Layers with experts."""
        shape = {name: np.asarray(value) for name, value in self.shape.items()}
        return int(layer_numbers(shape)[0])

    @property
    def dense_layers(self) -> int:
        """Layers with a dense feed-forward part."""
        return self.layers - self.moe_layers

    def variables(self, embeddings: str = "included") -> dict[str, float]:
        """The variables of laws, to hand to ``at=``.

        Parameters
        ----------
        embeddings : {"included", "output_only", "excluded"}
            Which parameters N and N_a count: all, all but the input embedding, or neither
            embedding.

        Returns
        -------
        dict of str to float
            N, N_a, G, K, S, E, activation, granularity and sparsity.
        """
        known_convention(embeddings, place="variables")
        counted = {name: float(self.counts.loc[embeddings, name]) for name in ("N", "N_a")}
        return {**self._variables, **counted}

    def flops_per_token(self, embeddings: str = "included") -> dict[str, float]:
        """Training FLOPs per token by each cost convention that reads nothing else.

        Parameters
        ----------
        embeddings : {"included", "output_only", "excluded"}
            Which parameters are counted.

        Returns
        -------
        dict of str to float
            Name of the convention (``bl.costs()``) to FLOPs.
        """
        known = {**self.variables(embeddings), "D": 1.0}
        return {
            name: float(cost.expression(known))
            for name, cost in COSTS.items()
            if cost.expression.names <= set(known) and name not in _OTHER_COSTS
        }

    def weight_bytes(self, bytes_per_param: float = 2.0) -> float:
        """Bytes of all weights at a precision.

        Parameters
        ----------
        bytes_per_param : float
            2 for bfloat16, 1 for 8 bits, 0.5 for 4 bits.

        Returns
        -------
        float
            Bytes.
        """
        if not real(bytes_per_param, "bytes_per_param", place="weight_bytes") > 0:
            raise RequestError(
                f"bytes_per_param = {bytes_per_param!r}", remedy="Give a positive number"
            )
        return self.N * bytes_per_param

    @property
    def summary(self) -> str:
        """Sizes and experts in a few sentences."""
        sizes = "; ".join(
            f"{text} {written(self.counts.loc[name, 'N'], 4)}, "
            f"{written(self.counts.loc[name, 'N_a'], 4)} active"
            for name, text in _LEFT_OUT.items()
        )
        head = f"{self.name} ({self.family}): {sizes}."
        if not self.moe_layers:
            return f"{head} {self.layers} dense layers."
        return (
            f"{head} {self.moe_layers} of {self.layers} layers have {self.E:g} experts, of which "
            f"{self.K:g} are active: G = {self.G:.4g}, S = {self.S:.3g}, "
            f"granularity {self.granularity:.3g}."
        )

    def to_frame(self) -> pd.DataFrame:
        """Parameters by part.

        Returns
        -------
        pandas.DataFrame
            A row a part, columns ``total`` and ``active``.
        """
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """The architecture as plain data.

        Returns
        -------
        dict
            Counts by convention, variables, FLOPs per token, bytes, parts, shape and notes.
        """
        return {
            "name": self.name,
            "family": self.family,
            "counts": self.counts.to_dict("index"),
            "variables": self.variables(),
            "S_by_count": self.S_by_count,
            "flops_per_token": {name: self.flops_per_token(name) for name in CONVENTIONS},
            "weight_bytes": {f"{size:g}": self.weight_bytes(size) for size in (2.0, 1.0, 0.5)},
            "layers": self.layers,
            "moe_layers": self.moe_layers,
            "dense_layers": self.dense_layers,
            "parts": self.frame.to_dict("index"),
            "shape": self.shape,
            "notes": [note.to_dict() for note in self.notes],
        }


@public
def architecture(source: str | Path | Mapping[str, Any]) -> Architecture:
    """Count the parameters of a model from its config.json.

    Nothing but the configuration is read; where a safetensors index lies beside the file, its total
    is compared in a note.

    Parameters
    ----------
    source : str, Path or mapping
        A config.json, a folder that holds one, or its content. An architecture of no known family
        is given as ``{"model_type": "custom", "hidden_size": ..., ...}`` in canonical names.

    Returns
    -------
    Architecture
        Counts under three conventions of embeddings, the variables of laws, and the parts.

    Raises
    ------
    RequestError
        If the family is not known or cannot be counted right, or a field is missing or impossible.
    """
    import pandas as pd

    config, name, folder = read_config(source)
    family, shape, notes = shape_of_config(config, place=name)
    counted = count(shape)
    frame = pd.DataFrame(
        {"total": counted.total, "active": counted.active}, index=pd.Index(PARTS, name="part")
    ).astype(float)
    sizes = {name: [float(size) for size in counted.parameters(name)] for name in CONVENTIONS}
    counts = pd.DataFrame.from_dict(sizes, orient="index", columns=["N", "N_a"])
    counts.index.name = "embeddings"
    if folder is not None and (folder / INDEX).is_file():
        notes.append(compare_checkpoint(folder / INDEX, config, sizes["included"][0]))
    return Architecture(
        name=name,
        family=family.name,
        shape={key: float(value) for key, value in shape.items()},
        frame=frame,
        counts=counts,
        notes=tuple(notes),
    )
