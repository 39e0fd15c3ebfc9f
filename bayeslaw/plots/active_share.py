"""The best share of active parameters as models grow, beside released models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayeslaw.architecture.rows import released_variables
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.result import Optimum
from bayeslaw.plots import style
from bayeslaw.plots.labels import label, math, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class RealModel(NamedTuple):
    """A released model, counted from its configuration.

    Attributes
    ----------
    name : str
        As its authors call it.
    family : str
        The ``model_type`` whose released configuration it is.
    source : str
        Where its authors describe it.
    """

    name: str
    family: str
    source: str

    @property
    def N(self) -> float:
        """Total parameters, embeddings included."""
        return _variables(self.family)["N"]

    @property
    def N_a(self) -> float:
        """Parameters active per token, embeddings included."""
        return _variables(self.family)["N_a"]

    @property
    def routed(self) -> int:
        """Routed experts active per token."""
        return int(_variables(self.family)["K"])

    @property
    def shared(self) -> int:
        """Shared experts."""
        return int(self.G) - self.routed

    @property
    def G(self) -> float:
        """Active experts, shared ones included."""
        return _variables(self.family)["G"]

    @property
    def S(self) -> float:
        """Shared over active experts."""
        return _variables(self.family)["S"]


_variables = cache(released_variables)

REAL_MODELS: tuple[RealModel, ...] = (
    RealModel("OLMoE", "olmoe", "Muennighoff et al. 2024, arXiv:2409.02060"),
    RealModel("Mixtral 8x7B", "mixtral", "Jiang et al. 2024, arXiv:2401.04088"),
    RealModel("gpt-oss-120b", "gpt_oss", "OpenAI 2025, arXiv:2508.10925"),
    RealModel("Qwen3-235B-A22B", "qwen3_moe", "Qwen team 2025, arXiv:2505.09388"),
    RealModel("Hunyuan-Large", "hunyuan", "Sun et al. 2024, arXiv:2411.02265"),
    RealModel("DeepSeek-V3", "deepseek_v3", "DeepSeek-AI 2024, arXiv:2412.19437"),
    RealModel("Kimi K2", "kimi_k2", "Kimi team 2025, arXiv:2507.20534"),
)

_SHARE = "N_a/N"
# Names that stand below their points, clear of a neighbour's.
_BELOW = {"Mixtral 8x7B", "gpt-oss-120b", "Kimi K2"}
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@style.picture
@public
def active_share(
    answers: Sequence[Optimum],
    *,
    rule: str | None = None,
    largest: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the best N_a/N against N with its band, the published curve, and real models.

    Parameters
    ----------
    answers : sequence of Optimum
        Optima at two or more N: ``[bl.optimum(posterior, at={"N": N}) for N in ...]``.
    rule : str, optional
        An efficiency-aware rule of the optima to draw as well, such as "slope 0.4".
    largest : float, optional
        The largest N of the runs; the picture is shaded beyond it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib.figure.Figure
        Medians and intervals as bands, the published optimum as a line; released models of
        ``REAL_MODELS`` as labelled points, hollow where they have no shared expert.

    Raises
    ------
    RequestError
        If an optimum has no N_a/N or no N, or there are fewer than two.
    """
    optima = sorted(answers, key=_size)
    if len(optima) < 2:
        raise RequestError(
            f"{len(optima)} answers make no curve", place="active_share", remedy="Give several N"
        )
    curves = [("optimum", style.POSTERIOR, "-", [optimum.quantities[_SHARE] for optimum in optima])]
    if rule is not None:
        for optimum in optima:
            if rule not in optimum.efficient:
                known = ", ".join(optimum.efficient) or "none"
                raise RequestError(
                    f"no rule {rule!r}", place="active_share", remedy=f"There are: {known}"
                )
        curves.append((rule, "#009E73", "--", [optimum.efficient[rule] for optimum in optima]))
    sizes = np.array([_size(optimum) for optimum in optima])
    shown = np.append(sizes, [model.N for model in REAL_MODELS])
    # Room for the name of the largest.
    ends = shown.min() / 1.2, shown.max() * 2.2
    figure, ax = style.axes(ax, (4.8, 3.7))
    if largest is not None and largest < ends[1]:
        ax.axvspan(largest, ends[1], label="beyond the runs", **style.FAR)
    for name, colour, dash, quantities in curves:
        low, median, high, _ = style.columns(quantities)
        ax.fill_between(sizes, low, high, **{**style.CREDIBLE, "color": colour})
        text = f"{name}, {percent(optima[0].ci_prob)} interval"
        ax.plot(sizes, median, color=colour, lw=1.6, ls=dash, label=text)
    *_, published = style.columns(optimum.quantities[_SHARE] for optimum in optima)
    if np.isfinite(published).all():
        ax.plot(sizes, published, label="published", **style.PUBLISHED_LINE)
    _released(ax)
    ax.set_yscale("log")
    ax.set_yticks(_TICKS, [f"{100 * tick:g}%" for tick in _TICKS])
    ax.minorticks_off()
    ax.set_ylim(0.015, 1.0)
    style.count_axis(ax, shown)
    ax.set_xlim(*ends)
    ax.set(xlabel=label("N"), ylabel=f"{math(_SHARE)}: share of active parameters")
    ax.legend(fontsize=6.5, loc="lower left")
    return figure


def _released(ax: Axes) -> None:
    for model in REAL_MODELS:
        share, face = model.N_a / model.N, style.RUNS if model.shared else "white"
        ax.plot(model.N, share, "o", color=style.RUNS, mfc=face, ms=5, zorder=4)
        up = model.name not in _BELOW
        ax.annotate(
            f"{model.name} ({model.routed}+{model.shared})",
            (model.N, share),
            xytext=(0, 6 if up else -6),
            textcoords="offset points",
            ha="center",
            va="bottom" if up else "top",
            size=6.5,
            zorder=5,
        )
    for face, text in ((style.RUNS, "released (routed+shared)"), ("white", "no shared expert")):
        ax.plot([], [], "o", color=style.RUNS, mfc=face, ms=5, label=text)


def _size(optimum: Optimum) -> float:
    if _SHARE not in optimum.quantities or "N" not in optimum.at:
        raise RequestError(
            "an answer has no N_a/N at a fixed N",
            place="active_share",
            remedy='Use a law with N_a: bl.optimum(posterior, at={"N": 30e9})',
        )
    return optimum.at["N"]
