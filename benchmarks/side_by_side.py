"""The same job by peers, by SciPy as papers do it, by plain NumPyro, and by bayeslaw.

From a table of runs to coefficients and the best configuration: on the digitised Chinchilla points
(or, without the folder of real runs, on as many simulated ones) for the dense law, and on the 446
simulated runs of zhao2025 where a tool can. Every tool runs in processes of its own, in turn, in
rounds; then on tables simulated from published coefficients, to count how often its 89% interval
contains the truth. A tool that takes long is run fewer times, and the count is said.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
from peers import FLOPS, SIZE, TOOLS, best_size
from peers.process import Done, ask
from provenance import ROOT, heading, keep, table

OURS = "bayeslaw, NUTS"
#: A tool that took longer than this in the first round sits out the others, in seconds.
PATIENCE = 60.0
NOISE, ROWS = 0.005, 240


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--allowance", type=float, default=200, help="seconds of coverage a tool")
    parser.add_argument("--limit", type=float, default=400, help="seconds a process")
    parser.add_argument("--only", nargs="*", help="tools, by name")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out")
    asked = parser.parse_args()
    command = (
        f"python benchmarks/side_by_side.py --repeats {asked.repeats} --tables {asked.tables} "
        f"--allowance {asked.allowance:g} --limit {asked.limit:g} --seed {asked.seed}"
    )
    command += " --only" + "".join(f" {name!r}" for name in asked.only) if asked.only else ""
    text = heading("The same job, side by side", command) + _installed()
    tools = [name for name in asked.only or TOOLS if _version(TOOLS[name].package)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "BAYESLAW_CACHE": f"{folder}/compiled",
            # Small products are slower by several threads, and far slower on a busy machine.
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]),
        }
        for law in ("chinchilla", "zhao2025"):
            said, path = _table(law, Path(folder))
            text += f"## {law}: {said}\n\n" + _rounds(law, path, tools, asked)
        if asked.tables:
            text += _coverage(Path(folder), tools, asked)
    keep(text, asked.out)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # A bare checkout has no metadata of its own.
        return "of this checkout" if package == "bayeslaw" else ""


def _installed() -> str:
    packages = dict.fromkeys(tool.package for tool in TOOLS.values())
    there = [f"{name} {_version(name)}" for name in packages if _version(name)]
    lines = f"Tools: {', '.join(there)}.\n\n"
    for name in packages:
        if not _version(name):
            lines += (
                f"**{name} is not installed here**, and left out (`make bench` installs it).\n\n"
            )
    return lines


def _table(law: str, folder: Path) -> tuple[str, str]:
    """Write the table that everybody reads."""
    import bayeslaw as bl

    path = str(folder / f"{law}.csv")
    points = Path(os.environ.get("BAYESLAW_DATA", ROOT / ".." / "shared" / "data"))
    if law == "chinchilla" and (points / "chinchilla.csv").exists():
        columns = {"N": "Model Size", "D": "Training Tokens"}
        runs = bl.read_runs(points / "chinchilla.csv", columns=columns)
        loss = runs.column("loss")
        # As Besiroglu et al. do.
        runs = runs.select(loss < np.sort(loss)[-5])
        said = f"{len(runs)} digitised points, without the five highest losses"
    else:
        size = ROWS if law == "chinchilla" else 446
        runs = bl.simulate(law, rows=size, seed=7)
        said = f"{size} runs simulated from published coefficients"
    runs.table[[*bl.law(law).variables, "loss"]].to_csv(path, index=False)
    return said, path


def _rounds(law: str, path: str, tools: list[str], asked: argparse.Namespace) -> str:
    able = [name for name in tools if law == "chinchilla" or not TOOLS[name].cannot]
    first = {}
    for name in able:
        if TOOLS[name].package == "bayeslaw":
            first[name] = ask(name, law, [path], seed=asked.seed, allowance=0, limit=asked.limit)
    found: dict[str, list[list[Done]]] = {name: [] for name in able}
    for turn in range(asked.repeats):
        for name in able:
            done = found[name]
            if done and (not done[0] or done[0][0].since_start > PATIENCE):
                continue
            seed = asked.seed + 10 * turn
            both = [path, path]
            done.append(ask(name, law, both, seed=seed, allowance=PATIENCE, limit=asked.limit))
    names = ("E", "alpha", "beta", "N*") if law == "chinchilla" else ("G", "S", "N_a/N")
    rows: list[list[object]] = []
    answers: list[list[object]] = []
    for name in able:
        good = [one for one in found[name] if one]
        if not good:
            rows.append([name, f"no answer in {asked.limit:.0f} s", *[""] * 6])
            continue
        cold = [one[0].since_start for one in good]
        warm = [one[1].seconds for one in good if len(one) > 1]
        theirs = [
            one[0].since_start / ours[0].since_start
            for one, ours in zip(found[name], found.get(OURS, []), strict=False)
            if one and ours
        ]
        rows.append(
            [
                name,
                _spread(cold),
                _spread(theirs),
                _spread(warm),
                float(np.median([one[0].processor for one in good])),
                float(max(one[-1].memory for one in good)),
                len(good),
                good[-1][-1].said or "-",
            ]
        )
        if first.get(name):
            start = first[name][0]
            rows.append(["- first ever, nothing compiled on disk", start.since_start, *[""] * 2])
            rows[-1] += [start.processor, start.memory, 1, ""]
        answers.append([name, *(_said(good[0][0].found[what]) for what in names)])
    heads = ["tool", "s to the first answer", f"times {OURS}", "s, second answer of a process"]
    heads += ["processor s of the first", "peak MB", "runs", "what it says of itself"]
    text = "Median (range), import and reading included.\n\n" + table(heads, rows)
    asks = f"N* is at {FLOPS:g} FLOPs" if law == "chinchilla" else f"at N = {SIZE:g}"
    text += f"Answers: median or point, and 89% interval; {asks}.\n\n"
    text += table(["tool", *names], answers) + _faster(able, found)
    if law == "chinchilla":
        gives: list[list[object]] = [[name, TOOLS[name].gives] for name in able]
        return text + table(["tool", "what the answer contains"], gives)
    no: list[list[object]] = [[name, one.cannot] for name, one in TOOLS.items() if one.cannot]
    return text + "Not on this law:\n\n" + table(["tool", "because"], no)


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _said(one: tuple[float, float, float]) -> str:
    low, middle, high = one
    return f"{middle:.4g}" + ("" if np.isnan(low) else f" ({low:.4g} to {high:.4g})")


def _faster(able: list[str], found: dict[str, list[list[Done]]]) -> str:
    """Who was faster than NUTS here, and why."""
    text = ""
    for what in ("the first answer", "a second answer in the same process"):
        place = int(what != "the first answer")

        def seconds(name: str, place: int = place) -> float:
            times = [
                one[1].seconds if place else one[0].since_start
                for one in found[name]
                if len(one) > place
            ]
            return float(np.median(times)) if times else np.inf

        ours = seconds(OURS) if OURS in able else np.nan
        if not np.isfinite(ours):
            continue
        quicker = sorted((n for n in able if seconds(n) < ours), key=seconds)
        lines = [f"- {n}, {ours / seconds(n):.1f} times: {TOOLS[n].quick}\n" for n in quicker]
        text += f"Faster than {OURS} to {what}:" + ("\n\n" if lines else " none.\n")
        text += "".join(lines) + "\n"
    return text


def _coverage(folder: Path, tools: list[str], asked: argparse.Namespace) -> str:
    import bayeslaw as bl

    truth = bl.law("chinchilla").published()
    known = {name: truth[name] for name in ("E", "alpha", "beta")}
    known["N*"] = float(best_size({name: np.asarray(value) for name, value in truth.items()}))
    paths = []
    for i in range(asked.tables):
        runs = bl.simulate("chinchilla", rows=ROWS, noise_sd=NOISE, seed=1000 + i)
        paths.append(str(folder / f"truth{i}.csv"))
        runs.table[["N", "D", "loss"]].to_csv(paths[-1], index=False)
    rows: list[list[object]] = []
    ours: list[Done] = []
    # Ours first: the others' widths are told beside it.
    for name in sorted(tools, key=lambda name: name != OURS):
        if name == "chinchilla":
            continue  # it gives no interval
        limit = asked.allowance + asked.limit
        done = ask(
            name, "chinchilla", paths, seed=asked.seed, allowance=asked.allowance, limit=limit
        )
        ours = done if name == OURS else ours
        row: list[object] = [name, len(done)]
        for what, value in known.items():
            inside = [one.found[what][0] <= value <= one.found[what][2] for one in done]
            widths = [
                (one.found[what][2] - one.found[what][0])
                / (two.found[what][2] - two.found[what][0])
                for one, two in zip(done, ours, strict=False)
            ]
            beside = f"; {np.median(widths):.2f}" if widths else ""
            row.append(f"{np.mean(inside):.2f}{beside}" if done else "-")
        rows.append([*row, float(np.median([one.seconds for one in done] or [np.nan]))])
    heads = ["tool", "tables", *known, "s a table, in one process"]
    error = np.sqrt(0.89 * 0.11 / max(asked.tables, 1))
    return (
        f"## Whether intervals cover: tables of {ROWS} runs at the published coefficients\n\n"
        f"Share of 89% intervals with the truth; median width over that of {OURS} on the same "
        f"table. Normal noise of {NOISE:g} on log loss, independent design. A tool has "
        f"{asked.allowance:.0f} s for up to {asked.tables} tables. Monte-Carlo standard error over "
        f"{asked.tables} tables {error:.3f}; more for fewer.\n\n" + table(heads, rows)
    )


if __name__ == "__main__":
    main()
