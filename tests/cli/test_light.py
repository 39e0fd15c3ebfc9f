"""What loads no heavy package: the import, help, usage errors and the list of laws."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "jax jaxlib numpyro arviz arviz_base arviz_stats scipy pandas xarray matplotlib".split()

#: Runs the command line in a fresh process; its last line names the packages that were loaded.
PROGRAM = """
import sys
from bayeslaw.cli.app import main
try:
    main()
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(program: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_import_is_light() -> None:
    program = "import sys, bayeslaw as bl\nbl.__all__, bl.__version__\nprint(*sys.modules)"
    packages = loaded(program)
    assert "bayeslaw" in packages
    assert packages.isdisjoint([*HEAVY, "numpy", "rich", "typer"])


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "--help",
        "--version",
        "optimum --help",
        "calibrate --help",
        "laws --help",
        "laws show --help",
        "fitt",
        "fit",
        "optimum fit.nc --tokens 3",
        "simulate --rows many",
        "frontier fit.nc --on-missing ignore",
    ],
)
def test_help_and_usage_errors_are_light(arguments: str) -> None:
    packages = loaded(PROGRAM, *arguments.split())
    assert "typer" in packages
    assert packages.isdisjoint([*HEAVY, "numpy", "rich"])


@pytest.mark.parametrize("command", ["list", "costs"])
def test_laws_and_costs_are_listed_without_heavy_packages(command: str) -> None:
    assert loaded(PROGRAM, "laws", command).isdisjoint(HEAVY)
    assert loaded(PROGRAM, "laws", command, "--json").isdisjoint([*HEAVY, "rich"])


@pytest.mark.parametrize("arguments", ["", "--help", "fit --help", "laws --help", "fitt"])
def test_help_needs_no_conversion_of_values(arguments: str) -> None:
    assert "pydantic" not in loaded(PROGRAM, *arguments.split())
