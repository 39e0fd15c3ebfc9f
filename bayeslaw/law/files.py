"""Card files: TOML in and out, and the line in which something stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from bayeslaw.core.errors import CardError
from bayeslaw.core.files import write_file


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The card in a file, as data and as text."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise CardError(f"cannot be read ({error.strerror})", place=path.name) from None
    except RecursionError:
        remedy = "A card has lists of lists at most"
        raise CardError("is nested too deep", place=path.name, remedy=remedy) from None
    except ValueError as error:
        # Of TOML or UTF-8, and of a path with a zero byte.
        raise CardError(f"is not TOML ({error})", place=path.name) from None


def write_toml(card: dict[str, Any], path: str | Path) -> None:
    """Write a card to a file, all of it or nothing."""
    import tomli_w

    write_file(path, tomli_w.dumps(card, multiline_strings=True), error=CardError)


def line_of(text: str, place: str) -> int | None:
    """Find the line that a message is about, from the place that it names."""
    lines = text.splitlines()
    if found := re.search(r"formula(?:, line (\d+))?", place):
        first = _first(lines, r"formula\s*=")
        if first is None:
            return None
        # The first line of a formula in three quotes is the one below them.
        opened = lines[first - 1].rstrip().endswith(('"""', "'''"))
        return first + int(found[1] or 1) - (0 if opened else 1)
    if found := re.search(r"check (\d+)", place):
        heads = [i for i, line in enumerate(lines, 1) if re.match(r"\s*\[\[checks\]\]", line)]
        return dict(enumerate(heads, 1)).get(int(found[1]))
    if found := re.search(r"\[([\w.-]+)\](?:,? (\w+))?", place):
        head = _first(lines, rf"\[{re.escape(found[1])}\]")
        entry = found[2] and head and _first(lines, rf"{found[2]}\s*=", head)
        return entry or head
    key = re.search(r", (\w+)$", place)
    return _first(lines, rf"{key[1]}\s*=") if key else None


def _first(lines: list[str], pattern: str, after: int = 0) -> int | None:
    """Number of the first line after one that starts with a pattern, up to the next table."""
    for number, line in enumerate(lines[after:], after + 1):
        if re.match(rf"\s*{pattern}", line):
            return number
        if after and re.match(r"\s*\[", line):
            return None
    return None
