"""Law cards: the shipped ones with entries replaced, and their text damaged."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from hypothesis import strategies as st

import bayeslaw as bl
from bayeslaw.law.description import page
from bayeslaw.law.library import cards as shipped
from robustness.formulas import CODE
from robustness.odd import TEXTS, brief
from robustness.outcome import Attempt

NAMES = ("chinchilla", "zhao2025", "clark2022", "krajewski2024", "power_law", "tian2025_lr")
DEEP = "x = " + "[" * 2000 + "]" * 2000
ENTRIES: tuple[Any, ...] = (
    *(0, -1, 1, 0.5, 1e308, -1e308, 1e-308, float("nan"), float("inf"), 2**62, True, [], {}),
    *(
        [1, 2],
        ["a"],
        [[1, 2]],
        {"a": 1},
        {"family": "normal"},
        {"family": "lognormal", "median": 1},
    ),
    *({"family": "normal", "mean": 1e308, "sd": 1e308}, [{"of": "L"}], ["N", "N"], [1e9, 1e9]),
    *("loss", "joy", "floor", "min", "N", "D", "E", "loss / 0", "N_a", "C", "../../x", "x" * 3000),
)


def _places(card: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(card, dict):
        items = card.items()
    elif isinstance(card, list):
        items = enumerate(card)
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """A card with a few entries replaced, removed, added or doubled."""
    name = draw(st.sampled_from(NAMES))
    card = tomllib.loads(shipped()[name].read_text(encoding="utf-8"))
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(list(_places(card))))
        inner = card
        for key in parents:
            inner = inner[key]
        how = draw(st.sampled_from(("replace", "replace", "remove", "add", "scale")))
        entry = draw(st.sampled_from((*ENTRIES, *CODE, *TEXTS)))
        if how == "remove":
            del inner[last]
        elif how == "add" and isinstance(inner, dict):
            inner[
                draw(st.sampled_from(("x", "E", "N", "loss", "T", "../x", "a b", "is", "on")))
            ] = copy.deepcopy(entry)
        elif how == "scale" and isinstance(inner[last], int | float):
            inner[last] = inner[last] * draw(st.sampled_from((-1, 0, 1e9, 1e-9, 1e300)))
        else:
            inner[last] = copy.deepcopy(entry)
    return card


def use(law: bl.Law) -> bl.Law:
    """A law that exists can be shown, saved, evaluated and simulated from."""
    page(law)
    repr(law), law._repr_latex_()
    assert isinstance(bl.check_card(law), dict)
    if law.middle and law.coefficients:
        value = law.predict(**law.middle)
        if np.isfinite(value) and value > 0:
            runs = bl.simulate(law, rows=4)
            assert np.isfinite(runs.column(law.predicts)).all()
    return law


def _of_data(card: dict[str, Any], folder: Path) -> Attempt:
    def call() -> bl.Law:
        law = use(bl.Law(copy.deepcopy(card)))
        law.save(folder / "again.toml")
        return law

    def check(law: bl.Law) -> None:
        again = bl.law(folder / "again.toml")
        assert again.form == law.form
        assert str(again.coefficients) == str(law.coefficients)

    return Attempt(f"card {card}", call, check)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The bytes of a card, cut, flipped, with a line doubled or other text in them."""
    name = draw(st.sampled_from(NAMES))
    content = shipped()[name].read_bytes()
    place = draw(st.integers(0, len(content) - 1))
    how = draw(st.sampled_from(("cut", "flip", "line", "text", "deep")))
    if how == "cut":
        return content[:place]
    if how == "flip":
        return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
    if how == "line":
        lines = content.splitlines(keepends=True)
        return b"".join([*lines, draw(st.sampled_from(lines))])
    if how == "deep":
        return DEEP.encode() + b"\n" + content
    text = draw(st.sampled_from((*TEXTS, *CODE))).encode("utf-8", "replace")
    return content[:place] + text + content[place:]


def _of_text(content: bytes, folder: Path) -> Attempt:
    def call() -> bl.Law:
        path = folder / "card.toml"
        path.write_bytes(content)
        return use(bl.law(path))

    return Attempt(f"card {brief(content)}", call)


def attempts(folder: Path) -> st.SearchStrategy[Attempt]:
    """Cards as data and as files."""
    return changed().map(lambda card: _of_data(card, folder)) | damaged().map(
        lambda content: _of_text(content, folder)
    )


def written(card: dict[str, Any], path: Path) -> Path:
    """A card as a file."""
    path.write_text(tomli_w.dumps(card), encoding="utf-8")
    return path
