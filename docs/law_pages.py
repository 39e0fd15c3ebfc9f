"""A page for each law, from its card: formula, letters, coefficients, checks, caveats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import bayeslaw as bl
from bayeslaw.checks.card import computed
from bayeslaw.formula.latex import latex, latex_name
from bayeslaw.law.description import page
from bayeslaw.law.library import catalogue

STATUS = {
    "verified": "read in the paper or its repository, or reproduced from official data",
    "secondary": "from one good secondary source that passes a numerical check",
    "inferred": "partly our inference; the caveats say what",
}
KINDS = {
    "loss": "Laws of loss",
    "learning_rate": "Learning rates",
    "batch": "Batch sizes",
    "N_a": "Allocation of compute",
    "D": "Allocation of compute",
    "M": "Allocation of compute",
}


def write_laws(folder: Path) -> None:
    """Write a page a law, and one that lists them by what they predict."""
    folder.mkdir(parents=True)
    groups: dict[str, list[str]] = {}
    for row in catalogue():
        name = row["law"]
        (folder / f"{name}.md").write_text(law_page(bl.law(name)), encoding="utf-8")
        groups.setdefault(KINDS.get(row["predicts"], "Other quantities"), []).append(name)
    rows = {row["law"]: row for row in catalogue()}
    text = [
        f"# Laws\n\n{len(rows)} laws come with bayeslaw, each a card: a file of data that states",
        "formula, letters, priors, published coefficients, and published numbers to reproduce.",
        "`bl.laws()` and `bayeslaw laws list` list them; [a law of your",
        "own](../../howto/own-law.md) is a card too.\n",
    ]
    for title in ("Laws of loss", *sorted(set(groups) - {"Laws of loss"})):
        cells = [
            (f"[{n}]({n}.md)", rows[n]["title"], code(rows[n]["variables"]), rows[n]["status"])
            for n in groups[title]
        ]
        text += [f"## {title}\n", table(("law", "form", "reads", "status"), cells)]
    every = "\n".join(sorted(rows))
    text.append(f"```{{toctree}}\n:hidden:\n\n{every}\n```\n")
    (folder / "index.md").write_text("\n".join(text), encoding="utf-8")


def law_page(law: bl.Law) -> str:
    """The page of one law."""
    facts = page(law)
    parts = [f"# {law.name}\n\n{law.title}.\n"]
    source = law.source
    if facts["paper"]:
        source += f" ([arXiv](https://arxiv.org/abs/{facts['paper']}))"
    parts.append(f"{source}. Status: **{law.status}**, {STATUS[law.status]}.\n")
    if facts["aliases"]:
        parts.append(f"Also found as {', '.join(map(code, facts['aliases']))}.\n")
    parts.append(f"## Formula\n\n```{{math}}\n{latex(law.formula)}\n```\n")
    parts.append(f"It predicts `{law.predicts}`.")
    if facts["conflicts"]:
        parts.append(" ".join(f"{one}." for one in facts["conflicts"]))
    letters = [
        (
            math(n),
            code(letter.is_.text),
            letter.means,
            _range(letter.range),
            letter.embeddings or "",
        )
        for n, letter in law.letters.items()
    ]
    heads = ("letter", "variable", "meaning", "range", "embeddings")
    parts.append(f"\n## Letters\n\n{table(heads, letters)}")
    parts.append(_coefficients(law))
    parts.append(_checks(law))
    if facts["notes"]:
        parts.append("## Caveats\n\n" + "\n".join(f"- {escaped(n)}" for n in facts["notes"]) + "\n")
    parts.append(f"## Use\n\n{_usage(law)}")
    return "\n".join(parts)


def _coefficients(law: bl.Law) -> str:
    """Priors and published sets of each coefficient."""
    sets = list(law.coefficients)
    rows = []
    for name, entry in law.parameters.items():
        stated = code(entry.on.text) if entry.on.text != name else ""
        published = [f"{law.coefficients[title][name]:.6g}" for title in sets]
        rows.append((math(name), entry.means, *published, str(entry.prior), stated))
    heads = ("coefficient", "meaning", *sets, "prior", "stated on")
    text = f"## Coefficients\n\n{table(heads, rows)}"
    if not sets:
        text += "\nThe card has no published coefficients: it is a form to fit.\n"
    return text + (
        "\nA prior without another entry is on the coefficient itself; the others are on a "
        "quantity at the [reference run](../../explanation/posterior.md#reference-run).\n"
    )


def _checks(law: bl.Law) -> str:
    if not law.checks:
        return ""
    rows = []
    for check in law.checks:
        at = ", ".join(f"{name} = {value:.6g}" for name, value in check.at.items())
        found = computed(law, check)
        which = check.coefficients or next(iter(law.coefficients), "")
        rows.append((code(check.of.text), at, which, f"{check.value:.6g}", f"{found:.6g}"))
    heads = ("of", "at", "set", "published", "computed")
    return (
        "## Checks\n\nPublished numbers, and what the card computes: the build of this page "
        f"and the tests repeat them.\n\n{table(heads, rows)}"
    )


def _usage(law: bl.Law) -> str:
    if law.coefficients:
        at = ", ".join(f"{name}={value:.3g}" for name, value in law.middle.items())
        call = f'bl.law("{law.name}").predict({at})  # published coefficients, no fit'
    else:
        call = f'bl.law("{law.name}")'
    columns = ", ".join((*law.variables, law.predicts))
    fit = f'bl.fit(runs, "{law.name}", seed=1)  # runs with {columns}'
    return f"```python\nimport bayeslaw as bl\n\n{call}\n{fit}\n```\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a column without any entry is left out."""
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(heads)) if i == 0 or any(row[i] for row in rows)]
    lines = [" | ".join(heads[i] for i in kept), " | ".join("---" for _ in kept)]
    lines += [" | ".join(row[i].replace("|", "\\|") for i in kept) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def math(name: str) -> str:
    """A letter as it is drawn."""
    return f"${latex_name(name)}$"


def code(text: str) -> str:
    """Text in a fixed width."""
    return f"`{text}`" if text else ""


def escaped(text: str) -> str:
    """Text in which stars and dollars are characters."""
    for mark in ("\\", "*", "_", "$", "<", "["):
        text = text.replace(mark, f"\\{mark}")
    return text


def _range(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.3g} to {ends[1]:.3g}"
