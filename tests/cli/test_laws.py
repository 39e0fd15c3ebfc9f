"""The commands about laws."""

from __future__ import annotations

from command import bayeslaw


def test_laws_are_listed() -> None:
    result = bayeslaw("laws", "list", "--json")
    laws = {law["law"]: law for law in result.json["laws"]}
    assert laws["zhao2025"]["status"] == "secondary"
    assert laws["zhao2025"]["variables"] == "N, N_a, D, G, S"
    assert laws["zhao2025"]["parameters"] == 12
    assert "2509.23678" in laws["zhao2025"]["source"]
    assert laws["chinchilla"]["predicts"] == "loss"
    table = bayeslaw("laws", "list").out
    assert all(name in table for name in laws)
