"""The search for whole-number configurations near a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayeslaw.architecture.count import count, known_convention, variables
from bayeslaw.architecture.fields import Family
from bayeslaw.architecture.shape import shape_in_family
from bayeslaw.core.errors import RequestError, real, whole

# Shares of active parameters, and experts, that are tried where the target names none.
_SHARES = (0.02, 0.03, 0.045, 0.07, 0.1, 0.15, 0.25, 0.4)
_ROUTED, _SHARED = (1, 2, 4, 6, 8, 12, 16), (0, 1, 2)
_PAIRS_KEPT = 6  # nearest pairs of routed and shared experts
_SHAPES_KEPT = 400  # of a pair, by proportion, before widths and experts are rounded
_WIDTHS, _LAYERS = np.arange(512, 20_481, 128), np.arange(6, 161)
_MOST_ASPECT = 2.5  # factor on the released model's width over layers
_MOST_EXPERTS = 1024
_HEADS_STEP = 8  # devices that share the heads of a layer


@dataclass(frozen=True)
class Search:
    """One target, and what every configuration keeps."""

    family: Family
    target: dict[str, float]
    fixed: dict[str, float]
    embeddings: str
    expert_parallel: int
    expert_width_multiple: int
    tolerance: float
    alternatives: int

    def __post_init__(self) -> None:
        """Refuse options that no search can keep."""
        known_convention(self.embeddings, place="buildable")
        for name in ("expert_parallel", "expert_width_multiple", "alternatives"):
            whole(getattr(self, name), name, place="buildable", least=1)
        if not 0 < real(self.tolerance, "tolerance", place="buildable") < 1:
            raise RequestError(
                f"tolerance = {self.tolerance!r}", place="buildable", remedy="Such as 0.03"
            )
        if self.target.get("E", 0) % self.expert_parallel:
            raise RequestError(
                f"expert_parallel = {self.expert_parallel} does not divide "
                f"E = {self.target['E']:g}",
                place="buildable",
                remedy="Give a divisor of E",
            )

    def found(self) -> Iterator[dict[str, np.ndarray]]:
        """The configurations of each pair of experts and each number of active parameters."""
        N, N_a = self.target["N"], self.target.get("N_a")
        # Where E is given, it decides how many parameters are active.
        sizes: list[float | None] = [N_a]
        if N_a is None and "E" not in self.target:
            sizes = [share * N for share in _SHARES]
        for routed, shared in self._pairs():
            shape = self._proportioned(routed, shared)
            corners = self._corners(shape)
            for size in sizes:
                rows = self._near(size, routed, shape, corners)
                if rows is not None:
                    yield rows

    def _pairs(self) -> list[tuple[int, int]]:
        """Whole numbers of routed and shared experts near G and S, the nearest first."""
        target, released = self.target, self.family.released
        most = 0 if "num_shared_experts" not in released else 8
        always = self.family.defaults.get("num_shared_experts")
        anything = "G" not in target and "S" not in target
        shared_range: Sequence[int] = range(most + 1)
        if always:
            shared_range = [int(always)]
        elif anything:
            shared_range = [shared for shared in _SHARED if shared <= most]
        routed_range: Sequence[int] = _ROUTED if anything else range(1, 33)
        if "K" in target:
            routed_range = [int(target["K"])]
        pairs = [(routed, shared) for routed in routed_range for shared in shared_range]

        def distance(pair: tuple[int, int]) -> float:
            G = sum(pair)
            off = abs(G / target["G"] - 1) if "G" in target else 0.0
            return off + (abs(pair[1] / G - target["S"]) if "S" in target else 0.0)

        if anything:
            return pairs
        pairs = sorted(pairs, key=distance)
        return pairs[: 1 if distance(pairs[0]) == 0 and "K" not in target else _PAIRS_KEPT]

    def _near(
        self,
        N_a: float | None,
        routed: int,
        shape: Mapping[str, np.ndarray],
        corners: tuple[np.ndarray, np.ndarray],
    ) -> dict[str, np.ndarray] | None:
        """The configurations of one cell that meet the target, in the family's proportions."""
        width, experts = self._solved(corners, N_a)
        score = self._score(shape, width)
        possible = (width >= self.expert_width_multiple / 2) & (experts >= max(routed, 2) * 0.9)
        possible &= experts <= _MOST_EXPERTS
        if "E" in self.target and N_a is not None:
            active = _bilinear(corners[1], np.maximum(width, 1.0), experts)
            possible &= np.abs(active / N_a - 1) <= 2 * self.tolerance
        order = np.argsort(np.where(possible, score, np.inf), kind="stable")
        order = order[: min(int(possible.sum()), _SHAPES_KEPT)]
        if not len(order):
            return None
        rounded = self._rounded(
            {name: np.broadcast_to(value, score.shape)[order] for name, value in shape.items()},
            width[order],
            experts[order],
        )
        values = variables(rounded, count(rounded), self.embeddings)
        off = np.abs(values["N"] / self.target["N"] - 1)
        if N_a is not None:
            off = np.maximum(off, np.abs(values["N_a"] / N_a - 1))
        legal = (off <= self.tolerance) & (rounded["num_experts"] >= routed)
        if not legal.any():
            return None
        score = self._score(rounded, rounded["moe_intermediate_size"]) + off / self.tolerance
        best = self._distinct(rounded, np.argsort(np.where(legal, score, np.inf)), legal)
        size = len(score)
        fields = {name: np.broadcast_to(value, size)[best] for name, value in rounded.items()}
        return {name: value[best] for name, value in values.items()} | fields

    def _proportioned(self, routed: int, shared: int) -> dict[str, np.ndarray]:
        """Every width and number of layers near the family's proportion, without experts."""
        released, fixed = self.family.released, self.fixed
        widths = np.array([fixed["hidden_size"]]) if "hidden_size" in fixed else _WIDTHS
        layers = _LAYERS
        if "num_hidden_layers" in fixed:
            layers = np.array([fixed["num_hidden_layers"]])
        grid_h, grid_l = (axis.ravel() for axis in np.meshgrid(widths, layers))
        aspect = released["hidden_size"] / released["num_hidden_layers"]
        near = np.abs(np.log(grid_h / grid_l / aspect)) <= np.log(_MOST_ASPECT)
        if len(widths) > 1 and len(layers) > 1:
            grid_h, grid_l = grid_h[near], grid_l[near]
        h, n = grid_h.astype(float), grid_l.astype(float)
        scale = h / released["hidden_size"]
        groups = released["num_key_value_heads"]
        grouped = groups < released["num_attention_heads"]
        of_width = not {"head_dim", "kv_lora_rank"} & set(self.family.keys)
        step = groups if grouped else 1 if of_width else _HEADS_STEP
        heads = np.maximum(np.round(released["num_attention_heads"] * scale / step), 1) * step
        head = released.get("head_dim", released["hidden_size"] / released["num_attention_heads"])
        if of_width:
            # Its heads divide the width.
            whole_heads = heads * head == h
            h, n, heads, scale = (axis[whole_heads] for axis in (h, n, heads, scale))
        shape: dict[str, Any] = {
            **released,
            "hidden_size": h,
            "num_hidden_layers": n,
            "num_attention_heads": heads,
            "num_key_value_heads": np.full_like(h, groups) if grouped else heads,
            "num_experts_per_tok": float(routed),
            "num_shared_experts": float(shared),
            "head_dim": head,
        }
        if "q_lora_rank" in released:
            shape["q_lora_rank"] = np.maximum(np.round(released["q_lora_rank"] * scale / 128), 1)
            shape["q_lora_rank"] *= 128
        shape |= fixed
        if "num_attention_heads" in fixed and not grouped:
            shape["num_key_value_heads"] = fixed["num_attention_heads"]
        shape["first_moe_layer"] = np.minimum(shape.get("first_moe_layer", 0), n - 1)
        return {name: np.asarray(value, dtype=float) for name, value in shape.items()}

    def _with_experts(
        self, shape: Mapping[str, np.ndarray], width: Any, experts: Any
    ) -> dict[str, np.ndarray]:
        """The shape with experts; a dense layer is as wide as the active experts together."""
        whole_shape = {
            **shape,
            "moe_intermediate_size": np.asarray(width, dtype=float),
            "num_experts": np.asarray(experts, dtype=float),
        }
        active = shape["num_experts_per_tok"] + shape["num_shared_experts"]
        if "intermediate_size" not in self.fixed:
            whole_shape["intermediate_size"] = active * whole_shape["moe_intermediate_size"]
        return shape_in_family(self.family, whole_shape)

    def _corners(self, shape: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """N and N_a, affine in expert width and in experts, by their values at four corners."""
        # From one expert on: with none, every layer counts as dense.
        sizes = [
            count(self._with_experts(shape, width, experts)).parameters(self.embeddings)
            for width, experts in ((0.0, 1.0), (1.0, 1.0), (0.0, 2.0), (1.0, 2.0))
        ]
        N, N_a = (np.stack(size) for size in zip(*sizes, strict=True))
        return N, N_a

    def _solved(
        self, corners: tuple[np.ndarray, np.ndarray], N_a: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Expert width and number of experts that give N and N_a, not yet whole."""
        N, given = self.target["N"], self.target.get("E")
        experts = np.full(corners[0].shape[1], given or 64.0)
        width = np.zeros_like(experts)
        # N_a depends on the number of experts by the router alone.
        for _ in range(1 if given else 4):
            wanted, corner = (N, corners[0]) if given else (float(N_a or 0), corners[1])
            at_zero, at_one = _bilinear(corner, 0.0, experts), _bilinear(corner, 1.0, experts)
            width = (wanted - at_zero) / (at_one - at_zero)
            if given is None:
                one, two = _bilinear(corners[0], width, 1.0), _bilinear(corners[0], width, 2.0)
                experts = 1 + (N - one) / np.where(two > one, two - one, np.inf)
                experts = np.clip(experts, 0, 1e6)
        return width, experts

    def _rounded(
        self, shape: Mapping[str, np.ndarray], width: np.ndarray, experts: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Both neighbours of each expert width and each number of experts."""
        w, e = self.expert_width_multiple, self.expert_parallel
        rows = {name: np.tile(value, 6) for name, value in shape.items()}
        low = np.maximum(np.floor(width / w), 1) * w
        widths = np.concatenate([low, low, low + w, low + w, low, low + w])
        if "E" in self.target:
            numbers = np.full_like(widths, self.target["E"])
        else:
            # A width that was rounded needs as many more or fewer experts.
            ideal = np.tile(experts * width, 6) / widths
            down = np.maximum(np.floor(ideal / e), 1) * e
            up = np.repeat(np.array([0, 1, 0, 1, -1, -1]), len(width)) * e
            numbers = np.maximum(down + up, e)
        return self._with_experts(rows, widths, numbers)

    def _score(self, shape: Mapping[str, np.ndarray], width: np.ndarray) -> np.ndarray:
        """How far a shape is from the released model's proportions, in e-folds."""
        released = self.family.released
        h = shape["hidden_size"]
        aspect = h / shape["num_hidden_layers"]
        score = np.abs(np.log(aspect * released["num_hidden_layers"] / released["hidden_size"]))
        width = np.maximum(width, 1.0)
        if "granularity" in self.target:
            off = np.log(4 * h / width / self.target["granularity"])
            return np.asarray(score + 2 * np.abs(off))
        active = released["num_experts_per_tok"] + released.get("num_shared_experts", 0)
        ratio = active * released["moe_intermediate_size"] / released["hidden_size"]
        shared = shape.get("num_shared_experts", np.zeros(()))
        if "shared_expert_intermediate_size" in shape:
            shared = shape["shared_expert_intermediate_size"] / width
        own = (shape["num_experts_per_tok"] + shared) * width / h
        return np.asarray(score + np.abs(np.log(own / ratio)))

    def _distinct(
        self, shape: Mapping[str, np.ndarray], order: np.ndarray, legal: np.ndarray
    ) -> np.ndarray:
        """The first of each width and number of layers."""
        seen: set[tuple[float, float]] = set()
        kept = []
        for row in order:
            pair = (float(shape["hidden_size"][row]), float(shape["num_hidden_layers"][row]))
            if legal[row] and pair not in seen:
                seen.add(pair)
                kept.append(int(row))
            if len(kept) == self.alternatives:
                break
        return np.array(kept)


def _bilinear(corners: np.ndarray, width: Any, experts: Any) -> np.ndarray:
    """A size between its corners: widths 0 and 1 with one expert, then with two."""
    at_one = corners[0] + width * (corners[1] - corners[0])
    at_two = corners[2] + width * (corners[3] - corners[2])
    return np.asarray(at_one + (experts - 1) * (at_two - at_one))
