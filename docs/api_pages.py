"""The Python API: a page for each room, with all public names that come from it."""

from __future__ import annotations

import inspect
import types
from pathlib import Path

import bayeslaw as bl

#: Rooms in the order of a reader's work, with what each is for and an example.
ROOMS: dict[str, tuple[str, str]] = {
    "runs": (
        "Runs",
        'runs = bl.read_runs("sweep.csv", columns={"N": "n_total_B"}, units={"N": 1e9})',
    ),
    "datasets": ("Public tables", "runs = bl.datasets.fetch_marin_isoflop()"),
    "study": ("Study", 'study = bl.study(runs, at={"N": "30B"}, seed=1)'),
    "law": ("Laws", 'bl.law("chinchilla").predict(N=70e9, D=1.4e12)'),
    "model": ("Model and simulation", 'planned = bl.simulate("zhao2025", rows=60, seed=2)'),
    "inference": ("Fitting", 'posterior = bl.fit(runs, "zhao2025", seed=1)'),
    "posterior": ("Posteriors", 'posterior.predict(planned, level="observation")'),
    "optimum": ("Optima and decisions", 'best = bl.optimum(posterior, at={"N": 30e9})'),
    "design": ("Next runs", 'bl.next_runs(posterior, "N_a/N", at={"N": 671e9}, budget=1e21)'),
    "comparison": ("Comparison", 'laws = bl.compare(runs, ["zhao2025", "chinchilla"])'),
    "checks": ("Checks", "bl.posterior_predictive_check(posterior).summary"),
    "architecture": ("Architectures", 'model = bl.architecture("config.json")'),
    "report": ("Report", 'bl.report(posterior, "report.html", at={"N": 30e9})'),
    "plots": ("Pictures", 'bl.plots.band(posterior, "N_a/N", at={"N": 30e9}).savefig("band.png")'),
    "core": (
        "Errors, notes, cache",
        "for note in posterior.notes:\n    print(note.severity, note.message)",
    ),
}

#: Modules whose names are public as ``bl.MODULE.NAME``.
MODULES = ("datasets", "plots")


def write_api(folder: Path) -> None:
    """Write a page a room, and one that lists the rooms."""
    folder.mkdir(parents=True)
    rooms: dict[str, list[str]] = {}
    for name in bl.__all__:
        if not isinstance(getattr(bl, name), types.ModuleType) and not name.startswith("__"):
            rooms.setdefault(getattr(bl, name).__module__.split(".")[1], []).append(name)
    for module in MODULES:
        found = getattr(bl, module)
        rooms[module] = [name for name in found.__all__ if callable(getattr(found, name))]
    order = [*(room for room in ROOMS if room in rooms), *sorted(set(rooms) - set(ROOMS))]
    for room in order:
        (folder / f"{room}.rst").write_text(room_page(room, rooms[room]), encoding="utf-8")
    listed = "\n".join(order)
    text = (
        "# Python\n\nEverything is imported by `import bayeslaw as bl`; results are what functions "
        "return. Each has `summary` (text), `to_frame()`, `to_dict()` and `notes`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    (folder / "index.md").write_text(text, encoding="utf-8")


def room_page(room: str, names: list[str]) -> str:
    """The page of one room: functions first, then classes."""
    title, example = ROOMS.get(room, (room.replace("_", " ").capitalize(), ""))
    module = getattr(bl, room) if room in MODULES else bl
    values = {name: getattr(module, name) for name in names}
    functions = sorted(name for name in names if not inspect.isclass(values[name]))
    classes = sorted(name for name in names if inspect.isclass(values[name]))
    lines = [title, "=" * len(title), "", f".. currentmodule:: {module.__name__}", ""]
    if example:
        indented = "\n".join(f"   {line}" for line in example.splitlines())
        lines += [".. code-block:: python", "", indented, ""]
    lines += [".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   {name}" for name in (*functions, *classes)]
    for name in functions:
        lines += ["", f".. autofunction:: {name}"]
    for name in classes:
        lines += ["", f".. autoclass:: {name}", *_members(values[name])]
    return "\n".join(lines) + "\n"


def _members(found: type) -> list[str]:
    """Public methods and properties of a class of ours, in the order of its source."""
    if issubclass(found, Exception):
        return []
    own = [
        name
        for base in found.__mro__
        if base.__module__.startswith("bayeslaw")
        for name, value in vars(base).items()
        if not name.startswith("_") and _documented(value)
    ]
    return [f"   :members: {', '.join(dict.fromkeys(own))}"] if own else []


def _documented(value: object) -> bool:
    kinds = (types.FunctionType, classmethod, property)
    cached = type(value).__name__ == "cached_property"
    return (isinstance(value, kinds) or cached) and bool(getattr(value, "__doc__", None))
