"""Files that end with a checksum of their bytes, so that damage is found before they are parsed."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import write_file

#: Of what ``write_npz`` keeps.
FORMAT = 3
#: What a file that is truncated, damaged or another program's is read with.
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, RuntimeError),
    *(MemoryError, BadZipFile, zlib.error),
)


_SEAL = b"\nbayeslaw sha256 "
_LENGTH = len(_SEAL) + 65


def seal(content: bytes) -> bytes:
    """Bytes of a file with a checksum of them at the end, where netCDF and zip allow more."""
    return content + _seal(content)


def unseal(content: bytes) -> tuple[bytes, bool]:
    """Bytes without their seal, and whether they had one; ``ValueError`` if they do not fit it."""
    inner, found = content[:-_LENGTH], content[-_LENGTH:]
    if not found.startswith(_SEAL):
        return content, False
    if found != _seal(inner):
        raise ValueError("does not fit its checksum: it was damaged or changed")
    return inner, True


def _seal(content: bytes) -> bytes:
    return _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def write_npz(path: Path, about: Any, arrays: Mapping[str, Any]) -> None:
    """Keep arrays, and what else is known of them as plain data, in a file."""
    content = io.BytesIO()
    # With its name, under which it is found: a file that was moved holds something else.
    np.savez(content, about=np.array(json.dumps([path.stem, about])), **arrays)
    write_file(path, seal(content.getvalue()), error=PosteriorError)


def read_npz(path: Path, what: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Read what ``write_npz`` kept under this name; an error names what it is."""
    try:
        content, sealed = unseal(path.read_bytes())
        if not sealed:
            raise ValueError("lacks its checksum")
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        name, about = json.loads(str(arrays.pop("about")))
        if name != path.stem:
            raise ValueError(f"was written as {name}")
        return about, arrays
    except UNREADABLE as error:
        problem = f"{what} cannot be read ({error})"
        raise PosteriorError(problem, place=path.name, remedy="Remove that file") from None
