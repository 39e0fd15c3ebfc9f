"""Every card of the library passes every examination; and an examination can fail."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import bayeslaw as bl
from bayeslaw.checks.card import EXAMINATIONS, Examination
from bayeslaw.law import Law, library
from bayeslaw.law.library import cards

LAWS = {name: bl.law(name) for name in cards()}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
@pytest.mark.parametrize("examination", EXAMINATIONS.values(), ids=EXAMINATIONS.keys())
def test_a_card_passes(law: Law, examination: Examination) -> None:
    assert not list(examination(law))


def test_a_card_is_called_like_its_file() -> None:
    assert {law.name for law in LAWS.values()} == set(LAWS)


def test_the_whole_field_is_here() -> None:
    field = {
        *("zhao2025", "krajewski2024", "ludziejewski2025", "tian2025", "tian2025_lr"),
        *("tian2025_batch", "tian2025_m", "tian2025_d", "steplaw2025_lr", "steplaw2025_batch"),
        *("clark2022", "clark2022_dense", "abnar2025", "chinchilla", "wang2024", "yun2024"),
        *("looped2026", "frantar2023", "skaling2026", "farseer2025", "muennighoff2023"),
        *("hunyuan2024_n", "hunyuan2024_d", "holistic2026_m", "holistic2026_d", "liew2025"),
        *("deepseek2024_lr", "deepseek2024_batch", "deepseek2024_m", "deepseek2024_d"),
        *("power_law", "power_law_offset", "saturating_power_law", "broken_power_law"),
        *("isoflop_profile", "familial", "multi_model", "mup_moe", "kaplan2020", "marin2026"),
        *("marin2026_lr", "bergsma2025_timescale", "bergsma2025_batch", "schaipp2026_batch"),
        *("scalebench2026_power", "scalebench2026_ratio"),
    }
    assert field <= set(LAWS)


# What is spoilt in which card, by a path into it; the examination that must object, and its place.
SPOILT: dict[str, tuple[str, tuple[Any, ...], Any, str, str]] = {
    "no source": ("chinchilla", ("source",), "", "described", "source"),
    "a meaning": ("chinchilla", ("variables", "N", "means"), "", "described", "[variables] N"),
    "no units": ("chinchilla", ("units",), {}, "described", "[units]"),
    "a value": ("zhao2025", ("checks", 3, "value"), 2.77, "reproduces", "check 4"),
    "an optimum": ("zhao2025", ("checks", 9, "value"), 6.8, "reproduces", "check 10"),
    "a budget": ("ludziejewski2025", ("checks", 24, "value"), 1.8e9, "reproduces", "check 25"),
    "a digit": ("ludziejewski2025", ("coefficients", "published", "a"), 36.1, "reproduces", ""),
    "a sign": ("abnar2025", ("coefficients", "published", "lam"), 0.1666, "reproduces", ""),
    "a group too many": (
        *("looped2026", ("units", "groups"), [["N_act"]], "units"),
        "[units]",
    ),
    "a group of no unit": ("zhao2025", ("units", "groups"), [["S"]], "units", "[units]"),
    "a loss below zero": (
        *("chinchilla", ("formula",), "L = E + A*(1 - 1e9/N) + B/D", "finite"),
        "formula",
    ),
    "a wide prior": (
        *("chinchilla", ("parameters", "A", "prior", "factor"), 50, "sane"),
        "[parameters]",
    ),
    "a narrow prior": (
        *("chinchilla", ("parameters", "beta", "prior", "factor"), 1.05, "unsurprising"),
        "[parameters] beta",
    ),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_an_examination_objects(spoilt: tuple[str, tuple[Any, ...], Any, str, str]) -> None:
    name, path, value, examination, place = spoilt
    card = copy.deepcopy(LAWS[name].card)
    *parents, last = path
    inner: Any = card
    for key in parents:
        inner = inner[key]
    inner[last] = value
    if path == ("formula",):
        for gone in ("alpha", "beta"):
            del card["parameters"][gone]
            for one in card["coefficients"].values():
                del one[gone]
        card["parameters"]["A"]["on"], card["parameters"]["B"]["on"] = "A / loss", "B / loss"
        del card["terms"]
    found = list(EXAMINATIONS[examination](Law(card)))
    assert found
    assert all(message for _, message in found)
    if place:
        assert place in {where for where, _ in found}


def test_a_new_card_is_found_and_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a law touches no file but its card."""
    for path in cards().values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (tmp_path / "chinchilla.toml").read_text(encoding="utf-8")
    new = text.replace('"chinchilla"', '"brandnew"').replace("hoffmann2022", "brandnew2022")
    (tmp_path / "brandnew.toml").write_text(new, encoding="utf-8")
    monkeypatch.setattr(library, "folder", lambda: tmp_path)
    assert "brandnew" in bl.laws().index
    assert bl.law("brandnew2022").name == "brandnew"
    assert not any(list(one(bl.law("brandnew"))) for one in EXAMINATIONS.values())
