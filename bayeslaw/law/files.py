"""Card files: TOML in and out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from bayeslaw.core.errors import CardError
from bayeslaw.core.files import whole_file


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The card in a file, as data and as text."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise CardError(f"cannot be read ({error.strerror})", place=path.name) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"is not TOML ({error})", place=path.name) from None


def write_toml(card: dict[str, Any], path: Path) -> None:
    """Write a card to a file, all of it or nothing."""
    import tomli_w

    text = tomli_w.dumps(card, multiline_strings=True)
    try:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CardError(f"cannot be written ({error.strerror})", place=path.name) from None
