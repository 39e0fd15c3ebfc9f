"""Saved posteriors: bits flipped, cut, of another program, with other JSON inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

import bayeslaw as bl
from bayeslaw.core.kept import seal, unseal
from robustness.odd import brief
from robustness.outcome import Attempt

JUNK: tuple[Any, ...] = (None, "", "normal", 0, -1, 1e308, True, [], {}, [1], {"a": 1}, "x" * 2000)
PLACES = (
    *("format", "card", "place", "reference", "noise", "discrepancy", "pool", "runs", "notes"),
    *("info", "runs.source", "runs.variables", "runs.groups", "runs.index", "runs.embeddings"),
    *("runs.loss_unit", "runs.notes", "runs.fingerprint", "info.settings", "info.method"),
    *("info.settings.seed", "info.settings.draws", "info.versions", "reference.at"),
    *("reference.loss", "card.formula", "card.name", "card.variables", "card.parameters"),
)
FOREIGN = (b"", b"CDF\x01", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"N,loss\n1,2\n", b"\0" * 512)


def _check(whole: bl.Posterior) -> Any:
    def check(opened: bl.Posterior) -> None:
        """What a damaged file gives is what was saved."""
        for name, draws in whole.draws.items():
            assert np.array_equal(opened.draws[name], draws), f"draws of {name} have changed"
        assert opened.law.card == whole.law.card, "the card has changed"
        assert opened.runs.fingerprint == whole.runs.fingerprint, "the table has changed"
        assert opened.notes == whole.notes, "notes have changed"
        assert opened.reference == whole.reference, "the reference has changed"

    return check


def attempts(folder: Path, saved: Path) -> st.SearchStrategy[Attempt]:
    """Damage to a saved posterior."""
    whole, content = bl.load(saved), saved.read_bytes()
    path, check = folder / "damaged.nc", _check(whole)

    def opened(changed: bytes, text: str) -> Attempt:
        def call() -> bl.Posterior:
            path.write_bytes(changed)
            return bl.load(path)

        return Attempt(text, call, check)

    def resealed() -> bl.Posterior:
        """Opened with a checksum of what was made of it: refused, or a posterior like any other."""
        path.write_bytes(seal(path.read_bytes()))
        return bl.load(path)

    def flipped(place: int, bit: int) -> Attempt:
        byte = bytes([content[place] ^ (1 << bit)])
        return opened(
            content[:place] + byte + content[place + 1 :], f"bit {bit} of byte {place} flipped"
        )

    def edited(place: str, entry: Any) -> Attempt:
        def call() -> bl.Posterior:
            path.write_bytes(unseal(content)[0])
            with h5py.File(path, "r+") as file:
                data = json.loads(file.attrs["bayeslaw"])
                *parents, last = place.split(".")
                inner = data
                for key in parents:
                    inner = inner[key]
                inner[last] = entry
                file.attrs["bayeslaw"] = json.dumps(data)
            return resealed()

        return Attempt(f"{place} = {brief(entry)}", call)

    def emptied(group: str) -> Attempt:
        def call() -> bl.Posterior:
            path.write_bytes(unseal(content)[0])
            with h5py.File(path, "r+") as file:
                del file[group]
            return resealed()

        return Attempt(f"without {group}", call)

    places = st.integers(0, len(content) - 1)
    with h5py.File(saved) as file:
        groups = [f"{name}/{part}" for name in file for part in file[name]] + list(file)
    return (
        st.builds(flipped, places, st.integers(0, 7))
        | places.map(lambda place: opened(content[:place], f"cut at byte {place}"))
        | st.builds(edited, st.sampled_from(PLACES), st.sampled_from(JUNK))
        | st.sampled_from(groups).map(emptied)
        | (st.sampled_from(FOREIGN) | st.binary(max_size=40)).map(
            lambda junk: opened(junk, f"foreign {junk!r}")
        )
    )
