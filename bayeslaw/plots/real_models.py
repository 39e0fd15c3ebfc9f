"""Mixture-of-Experts models whose sizes are public, to stand beside a law's optimum."""

from __future__ import annotations

from typing import NamedTuple


class RealModel(NamedTuple):
    """A released model.

    Attributes
    ----------
    name : str
        As its authors call it.
    N, N_a : float
        Total parameters, and those active per token.
    routed, shared : int
        Experts active per token.
    source : str
        Where its authors state this.
    """

    name: str
    N: float
    N_a: float
    routed: int
    shared: int
    source: str

    @property
    def G(self) -> int:
        """Active experts, shared ones included."""
        return self.routed + self.shared

    @property
    def S(self) -> float:
        """Shared over active experts."""
        return self.shared / self.G


REAL_MODELS: tuple[RealModel, ...] = (
    RealModel("OLMoE", 6.9e9, 1.3e9, 8, 0, "Muennighoff et al. 2024, arXiv:2409.02060"),
    RealModel("Mixtral 8x7B", 46.7e9, 12.9e9, 2, 0, "Jiang et al. 2024, arXiv:2401.04088"),
    RealModel("gpt-oss-120b", 117e9, 5.1e9, 4, 0, "OpenAI 2025, arXiv:2508.10925"),
    RealModel("Qwen3-235B-A22B", 235e9, 22e9, 8, 0, "Qwen team 2025, arXiv:2505.09388"),
    RealModel("Hunyuan-Large", 389e9, 52e9, 1, 1, "Sun et al. 2024, arXiv:2411.02265"),
    RealModel("DeepSeek-V3", 671e9, 37e9, 8, 1, "DeepSeek-AI 2024, arXiv:2412.19437"),
    RealModel("Kimi K2", 1.04e12, 32e9, 8, 1, "Kimi team 2025, arXiv:2507.20534"),
)
