"""What a model's configuration says of its size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import bayeslaw as bl
from bayeslaw.cli.command import Answer, command, new_app
from bayeslaw.cli.show import Block, Table, Wrapped

app = new_app("")


@command(
    app,
    "bayeslaw architecture config.json",
    "bayeslaw architecture DeepSeek-V3 --json",
)
def architecture(
    config: Annotated[Path, typer.Argument(help="A config.json, or the folder that holds it.")],
) -> Answer:
    """Count a model's parameters, and give the variables of laws."""
    model = bl.architecture(config)
    parts, counts = model.to_frame(), model.counts
    flops = {name: model.flops_per_token(str(name)) for name in counts.index}
    rows = [[name, *(flops[column][name] for column in flops)] for name in flops["included"]]
    variables = model.variables()
    text: list[Block] = [
        Wrapped(model.summary),
        Table.of("Parameters by part", parts[parts["total"] > 0]),
        Table.of("Parameters by convention", counts),
        Table("Variables", list(variables), [list(variables.values())]),
        Table("Training FLOPs per token", ["cost", *flops], rows),
        f"Weights: {model.weight_bytes(2) / 1e9:.4g} GB at 2 bytes, "
        f"{model.weight_bytes(1) / 1e9:.4g} GB at 1 byte, "
        f"{model.weight_bytes(0.5) / 1e9:.4g} GB at 4 bits.",
    ]
    return Answer.of(model, text, table=parts)
