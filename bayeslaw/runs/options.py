"""Options of reading a table: arguments of the call override a mapping file."""

from __future__ import annotations

import keyword
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayeslaw.core.errors import RequestError, TableError, check_names
from bayeslaw.formula import FUNCTIONS

EMBEDDINGS = ("included", "excluded")

#: Names of a unit of loss that are converted to nats by the logarithm.
PERPLEXITIES = ("ppl", "perplexity")

_TABLES = ("columns", "units", "architecture")
_KEYS = (*_TABLES, "where", "run", "step", "best_of", "group", "embeddings", "loss_unit")
_EXAMPLES = {
    "columns": '{"N": "n_total"}',
    "units": '{"N": 1e9}',
    "architecture": '{"family": "olmoe", "hidden_size": "d_model"}',
}
_CALL = "read_runs"

Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]


@dataclass(frozen=True)
class Options:
    """How to read a table, as for ``read_runs``.

    A column's text is empty where a column of that name is not the variable. ``architecture`` has
    the ``family`` and the source column or expression of each field of its configurations.
    """

    columns: dict[str, str]
    units: dict[str, float]
    architecture: dict[str, str]
    where: str | None
    run: str | None
    step: str | None
    best_of: tuple[str, ...]
    group: tuple[str, ...]
    embeddings: str | None
    loss_unit: str | None


def read_options(mapping: str | Path | None, **arguments: Any) -> Options:
    """Merge arguments of the call over those of a mapping file, and check types."""
    file_place, file = (_CALL, {}) if mapping is None else _toml(Path(mapping))
    call = {key: value for key, value in arguments.items() if not _left_out(value)}
    merged = {**file, **call}
    places = {key: _CALL if key in call else file_place for key in _KEYS}

    def pairs(key: str, check: Callable[[Any, Any, str], Any]) -> dict[str, Any]:
        own = _pairs(key, call.get(key, {}), _CALL)
        both = _pairs(key, file.get(key, {}), file_place) | own
        return {
            name: check(name, value, _CALL if name in own else file_place)
            for name, value in both.items()
        }

    def text(key: str) -> str | None:
        value = merged.get(key)
        if value is not None and not isinstance(value, str):
            problem = f"{key} = {value!r} is not text"
            raise RequestError(problem, place=places[key], remedy="Quote it")
        return value

    def texts(key: str) -> tuple[str, ...]:
        value = merged.get(key, ())
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str) for i in items):
            problem = f"{key} = {value!r} is not a list of column names"
            remedy = f'Write {key} = ["sweep"]'
            raise RequestError(problem, place=places[key], remedy=remedy)
        return tuple(dict.fromkeys(items))

    options = Options(
        columns=pairs("columns", _column),
        units=pairs("units", _unit),
        architecture=pairs("architecture", _field),
        where=text("where"),
        run=text("run"),
        step=text("step"),
        best_of=texts("best_of"),
        group=texts("group"),
        embeddings=text("embeddings"),
        loss_unit=text("loss_unit"),
    )
    if options.embeddings not in (None, *EMBEDDINGS):
        problem = f"embeddings = {options.embeddings!r}"
        remedy = "Give 'included' or 'excluded', or omit it if unknown"
        raise RequestError(problem, place=places["embeddings"], remedy=remedy)
    if options.architecture and "family" not in options.architecture:
        remedy = f"Write architecture = {_EXAMPLES['architecture']}"
        problem = "architecture without a family"
        raise RequestError(problem, place=places["architecture"], remedy=remedy)
    if options.step is not None and options.run is None:
        problem = f"step = {options.step!r} without run"
        remedy = "Give the column that names the run as well: run='run_id'"
        raise RequestError(problem, place=places["step"], remedy=remedy)
    return options


def _left_out(value: Any) -> bool:
    # Not by ==, which arrays answer cell by cell.
    return value is None or (isinstance(value, tuple) and not value)


def _toml(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = f"the mapping cannot be read ({error.strerror})"
        remedy = "Give the name of a TOML file"
        raise TableError(problem, place=str(path), remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        # Of TOML or UTF-8, of a path with a zero byte, of lists in lists.
        remedy = 'Write [columns] and below it N = "n_total", one variable a line, each once'
        raise TableError(f"not valid TOML ({error})", place=path.name, remedy=remedy) from None
    unknown = "unknown key {!r} in the mapping"
    check_names(content, _KEYS, unknown, place=path.name, error=TableError)
    for table in _TABLES:
        entries = content.get(table)
        stray = [key for key in _KEYS if isinstance(entries, dict) and key in entries]
        if stray:
            # In TOML, all keys after [columns] belong to it.
            problem = f"{stray[0]!r} is inside the table [{table}]"
            remedy = f"Move it above the first line in brackets: {stray[0]} is no variable"
            raise TableError(problem, place=path.name, remedy=remedy)
    return path.name, content


def _pairs(option: str, value: Any, place: str) -> dict[str, Any]:
    listed = isinstance(value, Iterable) and not isinstance(value, str)
    pairs = list(value.items() if isinstance(value, Mapping) else value) if listed else []
    if not listed or not all(isinstance(i, tuple) and len(i) == 2 for i in pairs):
        problem = f"{option} = {value!r} is not a mapping of variables"
        remedy = f"Write {option} = {_EXAMPLES[option]}"
        raise RequestError(problem, place=place, remedy=remedy)
    values: dict[str, Any] = {}
    for name, entry in pairs:
        if name in values:
            problem = f"{option} gives {name!r} twice, as {values[name]!r} and {entry!r}"
            remedy = "Give each variable once"
            raise TableError(problem, place=place, remedy=remedy)
        values[name] = entry
    return values


def _column(name: Any, value: Any, place: str) -> str:
    valid = isinstance(name, str) and name.isascii() and name.isidentifier()
    if not valid or keyword.iskeyword(name) or name in FUNCTIONS:
        raise TableError(
            f"columns: {name!r} cannot be the name of a variable",
            place=place,
            remedy="Write the variable on the left (letters, digits and underscores, such as N_a),"
            " the column of the table on the right",
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if value is not None and not isinstance(value, str):
        problem = f"columns: {name} = {value!r} is neither a column nor an expression"
        remedy = f'Write columns={{"{name}": "its column"}}'
        raise TableError(problem, place=place, remedy=remedy)
    return (value or "").strip()


def _field(name: Any, value: Any, place: str) -> str:
    if not isinstance(name, str) or not isinstance(value, str | int | float):
        problem = f"architecture: {name!r} = {value!r} is neither a column nor a number"
        remedy = f"Write architecture = {_EXAMPLES['architecture']}"
        raise RequestError(problem, place=place, remedy=remedy)
    return value.strip() if isinstance(value, str) else repr(float(value))


def _unit(name: Any, value: Any, place: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise TableError(
            f"the unit of {name} is {value!r}, not a positive number",
            place=place,
            remedy=f'For a table in billions write units={{"{name}": 1e9}} in Python, '
            f"--unit {name}=1e9 on the command line",
        )
    return float(value)
