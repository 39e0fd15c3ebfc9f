"""Options that several commands share, and parsing of NAME=VALUE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import bayeslaw as bl
from bayeslaw.cli.command import WRITTEN, Group
from bayeslaw.core.errors import RequestError
from bayeslaw.core.quantities import parse_count

Noise = Literal["student_t", "normal", "undertuned"]

Fit = Annotated[Path, typer.Argument(help="A posterior that 'bayeslaw fit' wrote.")]
RunsTable = Annotated[
    Path, typer.Argument(help="Runs: .csv, .tsv, .parquet, .jsonl, .xlsx; also .gz.")
]
LawName = Annotated[str, "Name of a law, or path of a law card."]
Seed = Annotated[int, "The same seed gives the same numbers."]
CiProb = Annotated[float, "Probability of credible intervals."]
Over = Annotated[str | None, "Variable that orders runs by size [compute]."]
Free = Annotated[list[str] | None, "Variable to search over."]
Candidates = Annotated[Path | None, "Configurations to rank [pairs of routed and shared experts]."]
Out = Annotated[Path | None, "Table to write.", WRITTEN]
Picture = Annotated[Path | None, "Picture to write (.png, .pdf).", WRITTEN]


@dataclass(frozen=True, kw_only=True)
class Columns(Group):
    """Columns of a table that contain the variables of configurations."""

    column: Annotated[
        list[str] | None,
        "NAME=COLUMN",
        "Variable from a column or expression: 'loss=summary/val_loss', 'G=`model.top_k` + 1'.",
    ] = None
    unit: Annotated[list[str] | None, "NAME=FACTOR", "Such as N=1e9."] = None
    architecture: Annotated[
        list[str] | None,
        "NAME=COLUMN",
        "Derive N and the rest: family=olmoe, hidden_size=d_model, vocab_size=50304.",
    ] = None
    mapping: Annotated[Path | None, "TOML file with columns, units and other options."] = None
    where: Annotated[str | None, "Condition on rows to keep: \"state == 'done'\"."] = None

    def read(self, table: Path) -> bl.Runs:
        """Read a table."""
        return bl.read_runs(
            table,
            columns=pairs(self.column, "--column"),
            units=numbers(self.unit, "--unit"),
            architecture=pairs(self.architecture, "--architecture"),
            **self.arguments("column", "unit", "architecture"),
        )


@dataclass(frozen=True, kw_only=True)
class Reading(Columns):
    """How to read a table of runs."""

    run: Annotated[str | None, "Column that names a run."] = None
    step: Annotated[str | None, "Column that orders its checkpoints."] = None
    best_of: Annotated[list[str] | None, "Tuned column; keep the best."] = None
    group: Annotated[list[str] | None, "Column that groups runs."] = None
    embeddings: Annotated[str | None, "included or excluded."] = None
    loss_unit: Annotated[str | None, "nats, bits, ppl or a label."] = None
    drop_invalid: Annotated[bool, "Drop invalid rows and list them."] = False


@dataclass(frozen=True, kw_only=True)
class Sampling(Group):
    """Noise model and sampler settings."""

    noise: Annotated[Noise, "Noise model."] = "student_t"
    seed: Seed = 0
    chains: Annotated[int, "Number of chains."] = 4
    draws: Annotated[int, "Kept draws per chain, a multiple of 100."] = 1000
    warmup: Annotated[int, "Adaptation steps, a multiple of 100."] = 400


@dataclass(frozen=True, kw_only=True)
class Comparing(Sampling):
    """How to fit laws that are compared."""

    method: Annotated[Literal["nuts", "laplace"], "Algorithm."] = "nuts"


@dataclass(frozen=True, kw_only=True)
class Fitting(Sampling):
    """How to fit one law."""

    method: Annotated[Literal["nuts", "laplace", "mode"], "Algorithm."] = "nuts"
    fallback: Annotated[bool, "Use NUTS if Laplace fails."] = False
    discrepancy: Annotated[
        list[str] | None,
        "[gp|group|growth]",
        "Misfit of the law; terms add up. Best with --method laplace.",
    ] = None


@dataclass(frozen=True, kw_only=True)
class HoldingOut(Group):
    """Cross-validation of a comparison."""

    leave: Annotated[Literal["run", "group"] | None, "Unit to leave out [groups, if any]."] = None
    over: Over = None
    cuts: Annotated[str | None, "Shares of the largest levels to hold out [0.1,0.2,0.4]."] = None
    extrapolation: Annotated[bool, "Hold out the largest runs."] = True
    force: Annotated[bool, "Include fits that cannot be trusted."] = False

    def arguments(self, *without: str) -> dict[str, Any]:
        """The options as arguments of ``compare`` and ``compare_nested``."""
        arguments = super().arguments("cuts", "extrapolation", *without)
        if self.extrapolation and self.cuts is None:
            return arguments
        if not self.extrapolation and self.cuts is not None:
            raise RequestError(
                f"--cuts {self.cuts} and --no-extrapolation exclude each other",
                place="--cuts",
                remedy="Give one of the two",
            )
        try:
            shares = tuple(float(text) for text in (self.cuts or "").split(",") if self.cuts)
        except ValueError:
            raise RequestError(
                f"{self.cuts!r} is not a list of numbers", place="--cuts", remedy="Such as 0.1,0.3"
            ) from None
        return {**arguments, "cuts": shares}


@dataclass(frozen=True, kw_only=True)
class Posteriors(Group):
    """One posterior, or several to average."""

    fits: Annotated[
        list[Path],
        typer.Argument(help="A posterior that 'bayeslaw fit' wrote; several are averaged."),
    ]
    weight: Annotated[list[float] | None, "Weight of each posterior, in order [equal]."] = None
    on_missing: Annotated[
        Literal["error", "drop"], "What to do with laws that lack a variable."
    ] = "error"

    def load(self) -> bl.Posterior | bl.Mixture:
        """Open them."""
        posteriors = [bl.load(fit) for fit in self.fits]
        if len(posteriors) > 1:
            return bl.average_laws(posteriors, self.weight, on_missing=self.on_missing)
        if self.weight:
            raise RequestError(
                "a weight for a single posterior", place="--weight", remedy="Omit it"
            )
        return posteriors[0]


@dataclass(frozen=True, kw_only=True)
class Spending(Group):
    """The amount to spend."""

    train_flops: Annotated[float | None, "Training FLOPs to spend."] = None
    lifetime_flops: Annotated[float | None, "FLOPs for training and inference together."] = None


@dataclass(frozen=True, kw_only=True)
class Limits(Group):
    """Fixed variables and caps."""

    at: Annotated[list[str] | None, "NAME=VALUE", "Fixed variable, such as N=30B."] = None
    inference_tokens: Annotated[float | None, "Inference tokens over the model's life."] = None
    max_params: Annotated[float | None, "Largest N, total parameters."] = None
    max_active: Annotated[float | None, "Largest N_a, active parameters."] = None
    max_tokens: Annotated[float | None, "Largest D, training tokens."] = None
    max_tokens_per_active: Annotated[float | None, "Largest D/N_a."] = None
    max_total_per_active: Annotated[float | None, "Largest N/N_a."] = None
    max_memory: Annotated[float | None, "Largest memory for the weights, bytes."] = None
    bytes_per_param: Annotated[float, "Bytes per parameter of the weights."] = 2.0
    cap: Annotated[list[str] | None, "EXPRESSION=LIMIT", "Any other limit, such as N/E=1e9."] = None
    cost: Annotated[str | None, "Cost of a run: a name of 'laws costs', or an expression."] = None

    @property
    def fixed(self) -> dict[str, float]:
        """The fixed variables."""
        return numbers(self.at, "--at")

    @property
    def budget(self) -> bl.Budget:
        """The budget."""
        return bl.Budget(caps=numbers(self.cap, "--cap"), **self.arguments("at", "cap"))


@dataclass(frozen=True, kw_only=True)
class Question(Limits, Spending):
    """Size or budget of the optimum."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is fixed, spent or capped."""
        return not self.fixed and self.budget == bl.Budget()


def pairs(texts: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Read options of the form NAME=VALUE."""
    split = []
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RequestError(f"{text!r}", place=option, remedy="Write NAME=VALUE")
        split.append((name.strip(), value.strip()))
    return split


def numbers(texts: list[str] | None, option: str) -> dict[str, float]:
    """Read options of the form NAME=NUMBER."""
    values: dict[str, float] = {}
    for name, text in pairs(texts, option):
        if name in values:
            raise RequestError(f"{name} is given twice", place=option)
        number = parse_count(text)
        if number is None:
            raise RequestError(
                f"{text!r} is not a number", place=f"{option} {name}", remedy="Such as 30e9 or 30B"
            )
        values[name] = number
    return values


def pools(texts: list[str] | None) -> list[str] | dict[str, str]:
    """Read coefficients that vary by group."""
    texts = texts or []
    if not any("=" in text for text in texts):
        return texts
    if not all("=" in text for text in texts):
        raise RequestError(", ".join(texts), place="--pool", remedy="Write NAME=COLUMN for each")
    return dict(pairs(texts, "--pool"))
