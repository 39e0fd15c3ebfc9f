"""How a command is made: groups of options, ``--json``, ``--strict`` and files to write.

A command is a function of its options that returns an ``Answer``. An annotation with a text is an
option with that help; one with two texts has a placeholder for its value first; a ``Group`` stands
for its fields.
"""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, get_args, get_type_hints

import typer

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import destination, write_file
from bayeslaw.core.quantities import parse_count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bayeslaw.core.notes import Note

#: Status of a command that ran, but whose numbers must not be used.
STRICT_STATUS = 3
#: Formats of pictures.
PICTURES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".eps", ".ps")
#: Marks an option that names a file to write.
WRITTEN = object()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Options that belong together; each field is one option."""

    def arguments(self, *without: str) -> dict[str, Any]:
        """The options that have a value, as arguments of a call."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in without}
        return {name: value for name, value in values.items() if value is not None}


class _Result(Protocol):
    @property
    def notes(self) -> tuple[Note, ...]: ...
    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command computes: data for programs, notes and text for people, files to write."""

    data: Mapping[str, Any]
    text: Iterable[show.Block]
    notes: Iterable[Note] = ()
    table: pd.DataFrame | None = None
    figure: Callable[[], Figure] | None = None
    status: int = 0

    @classmethod
    def of(
        cls,
        result: _Result,
        text: Iterable[show.Block],
        *,
        table: pd.DataFrame | None = None,
        plot: str | None = None,
    ) -> Answer:
        """The answer that a result is, with the table and the named plot of it to write."""

        def figure() -> Figure:
            # Plots take a second to import.
            drawn: Figure = getattr(bl.plots, str(plot))(result)
            return drawn

        data, notes = result.to_dict(), result.notes
        drawing = None if plot is None else figure
        return cls(data=data, text=text, notes=notes, table=table, figure=drawing)


# An option without a default makes typer load pydantic, which takes longer than all the rest.
_LIGHT: dict[str, Any] = {"default_map": {"help": False}}


def new_app(help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=_LIGHT,
    )


def command(
    app: typer.Typer, *examples: str, name: str | None = None
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a function as a command that also takes ``--json`` and ``--strict``."""

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        parameters = inspect.signature(function, eval_str=True).parameters
        options = [option for each in parameters.values() for option in _options(each)]
        written = [one.name for one in options if WRITTEN in get_args(one.annotation)]

        def run(json: bool, strict: bool, **values: Any) -> None:
            _check_outputs(values, written)
            arguments = {n: _value(n, p.annotation, values) for n, p in parameters.items()}
            _finish(function(**arguments), values, json=json, strict=strict)

        wrapper: Any = run
        wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
        wrapper.__signature__ = inspect.Signature([*map(_for_typer, options), *_COMMON])
        head = "Example" if len(examples) == 1 else "Examples"
        epilog = f"{head}: {'; '.join(examples)}"
        app.command(name, epilog=epilog, context_settings=_LIGHT)(wrapper)
        return function

    return register


def _finish(answer: Answer, values: Mapping[str, Any], *, json: bool, strict: bool) -> None:
    """Write the files of an answer, print it, and end with its status."""
    notes = list(answer.notes)
    if answer.table is not None and values.get("out") is not None:
        from bayeslaw.runs.source import write_table

        write_table(answer.table, values["out"])
    if answer.figure is not None and values.get("picture") is not None:
        write_picture(answer.figure(), values["picture"])
    if json:
        show.as_json(answer.data)
    else:
        show.notes(notes)
        show.blocks(answer.text)
    failed = strict and any(note.severity == "error" for note in notes)
    raise typer.Exit(STRICT_STATUS if failed else answer.status)


def write_picture(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the suffix names."""
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:].lower(), dpi=150)
    write_file(path, content.getvalue(), place="--picture")


def _is_group(annotation: Any) -> TypeGuard[type[Group]]:
    return isinstance(annotation, type) and issubclass(annotation, Group)


def _value(name: str, annotation: Any, values: Mapping[str, Any]) -> Any:
    """The value of a parameter: an option's, or a group of them."""
    if _is_group(annotation):
        return annotation(**{f.name: values[f.name] for f in fields(annotation)})
    return values[name]


def _count(value: str | float) -> float:
    """A number with or without K, M, B or T; defaults are numbers already."""
    number = parse_count(value) if isinstance(value, str) else float(value)
    if number is None:
        raise typer.BadParameter(f"{value!r} is not a number such as 30e9 or 30B.")
    return number


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options that a parameter stands for: its own, or those of a group."""
    if not _is_group(parameter.annotation):
        return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
    hints = get_type_hints(parameter.annotation, include_extras=True)
    return [_option(f.name, hints[f.name], f.default) for f in fields(parameter.annotation)]


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if default is MISSING else default
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _for_typer(option: inspect.Parameter) -> inspect.Parameter:
    """An option with a text as typer takes it."""
    kind, *metadata = get_args(option.annotation)
    texts = [text for text in metadata if isinstance(text, str)]
    if not texts:
        return option
    # A flag that is off needs no opposite.
    names = [f"--{option.name.replace('_', '-')}"] if option.default is False else []
    default = ... if option.default is inspect.Parameter.empty else option.default
    metavar, text = (None, *texts)[-2:]
    counted = kind in (float, float | None)
    made = typer.Option(
        default,
        *names,
        metavar="NUMBER" if counted and metavar is None else metavar,
        help=text,
        parser=_count if counted else None,
    )
    return _option(option.name, kind, made)


_STRICT = f"Exit with status {STRICT_STATUS} if a note is an error."
_COMMON = [
    _option("json", bool, typer.Option(False, "--json", help="Print JSON instead of text.")),
    _option("strict", bool, typer.Option(False, "--strict", help=_STRICT)),
]


def _check_outputs(values: Mapping[str, Any], written: Iterable[str]) -> None:
    """Refuse an impossible output before minutes are spent on it."""
    inputs = [
        path
        for name, value in values.items()
        if name not in written
        for path in (value if isinstance(value, list) else [value])
        if isinstance(path, Path) and os.path.exists(path)
    ]
    for option, path in ((name, values[name]) for name in written if values[name] is not None):
        target = destination(path, place=f"--{option}")
        if target.exists() and any(target.samefile(one) for one in inputs):
            problem, remedy = f"{str(path)!r} is an input", "Name another file"
        elif option == "picture" and path.suffix.lower() not in PICTURES:
            problem = f"the suffix {path.suffix!r} of {path.name!r} is not one of a picture"
            remedy = f"Choose one of {', '.join(PICTURES)}"
        else:
            continue
        raise RequestError(problem, place=f"--{option}", remedy=remedy)
