"""What pyproject.toml, the pins and the Makefile promise of each other."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import bayeslaw as bl

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {path.parent.name for path in (ROOT / "bayeslaw").glob("*/__init__.py")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines(name: str) -> list[str]:
    """The lines of a requirements file, without comments."""
    return [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]


def pins(name: str) -> set[str]:
    """The packages that a requirements file pins exactly."""
    exact = [line.split("==")[0] for line in lines(name) if "==" in line]
    assert exact == sorted(exact, key=str.upper)
    return {canonicalize_name(package) for package in exact}


def needed(requirement: Requirement, seen: set[str], *, extra: str = "") -> Iterator[str]:
    """Names of a requirement and all that it requires on this machine."""
    name = canonicalize_name(requirement.name)
    if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
        return
    yield name
    for wanted in ("", *requirement.extras):
        if f"{name}[{wanted}]" not in seen:
            seen.add(f"{name}[{wanted}]")
            for child in metadata.requires(name) or ():
                yield from needed(Requirement(child), seen, extra=wanted)


def group(name: str) -> Iterator[str]:
    """The requirements of a dependency group."""
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, dict):
            yield from group(entry["include-group"])
        else:
            yield entry


def test_the_python_that_pyenv_and_uv_choose_is_one_that_bayeslaw_supports() -> None:
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    assert (ROOT / ".python-version").read_text().strip() in supported
    assert "3.12" in supported
    assert "3.11" not in supported


@pytest.mark.parametrize(
    ("declared", "files"),
    [
        (PROJECT["project"]["dependencies"], ["requirements.txt"]),
        ([*group("dev")], ["requirements.txt", "requirements-dev.txt"]),
        (
            [*group("docs")],
            ["requirements.txt", "requirements-dev.txt", "requirements-docs.txt"],
        ),
    ],
    ids=["runtime", "dev", "docs"],
)
def test_pins_cover_every_dependency_to_the_last(declared: list[str], files: list[str]) -> None:
    if "requirements-docs.txt" in files and not find_spec("myst_nb"):
        pytest.skip("make docs installs what this test looks at")
    seen: set[str] = set()
    wanted = {name for text in declared for name in needed(Requirement(text), seen)}
    assert len(wanted) > len(declared)
    assert wanted - set().union(*map(pins, files)) == set(), "run `make pins`"


@pytest.mark.parametrize("name", [path.name for path in ROOT.glob("requirements*.txt")])
def test_requirement_files_hold_exact_versions_and_no_address(name: str) -> None:
    for line in lines(name):
        if line in ("-r requirements.txt", "-r requirements-dev.txt"):
            continue
        (only,) = Requirement(line).specifier
        assert only.operator == "=="
        assert Requirement(line).url is None


def test_what_the_package_imports_is_declared() -> None:
    optional = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *chain(*optional)]
    declared = {Requirement(text).name for text in texts}
    declared |= {"bayeslaw", "h5py", "arviz-base", "arviz-plots", "arviz-stats"}  # parts of these
    providers = metadata.packages_distributions()
    for path in ROOT.glob("bayeslaw/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for top in {module.partition(".")[0] for module in modules} - sys.stdlib_module_names:
                assert declared & {canonicalize_name(name) for name in providers[top]}, (
                    f"{path.relative_to(ROOT)} imports {top}, which pyproject.toml does not declare"
                )


def test_the_wheel_ships_every_subpackage_and_the_cards() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    folders = {path.parent for path in ROOT.glob("bayeslaw/**/*.py")}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(setuptools["packages"]) == found | {"bayeslaw.models"}, "list it in pyproject.toml"
    assert setuptools["package-dir"]["bayeslaw.models"] == "models"
    shipped = {
        path
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in (
            ROOT / "models" if package == "bayeslaw.models" else ROOT.joinpath(*package.split("."))
        ).glob(pattern)
    }
    data = {path for path in ROOT.glob("bayeslaw/**/*") if path.is_file()}
    data = {path for path in data if path.suffix not in (".py", ".pyc")}
    assert {path.name for path in data} >= {"__init__.pyi", "py.typed"}
    assert shipped == data | set(ROOT.glob("models/*.toml")), "list it in package-data"
    assert list((ROOT / "models").glob("*.toml"))


def test_the_licence_is_whole_and_declared() -> None:
    project = PROJECT["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert "Copyright [yyyy] [name of copyright owner]" in text
    assert "license: Apache-2.0" in (ROOT / "CITATION.cff").read_text()


def test_every_public_name_is_explained_to_contributors() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Public names")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.M)
    names = [name for name, _ in rows]
    assert names == sorted(set(bl.__all__) - {"__version__"})
    assert all(meaning.endswith(".") for _, meaning in rows)


def test_the_rooms_are_those_of_the_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text[text.index("| room |") : text.index("`models/` holds")]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.M)))
    assert set(listed) == ROOMS


def test_hooks_run_the_targets_of_the_makefile() -> None:
    config = (ROOT / ".pre-commit-config.yaml").read_text()
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    commands = re.findall(r"entry: make (\w+)", config)
    assert commands == ["lint", "types"]
    assert set(commands) <= set(targets)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_old_python_gets_one_line_and_creates_nothing(target: str, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    pretend = "import sys; sys.version_info = (3, 11, 7); exec(sys.argv[1])"
    old.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{pretend}' \"$2\"\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), target, f"PYTHON={old}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"bayeslaw needs Python 3.12 or newer; {old} is 3.11.7. Install one, or name it" in line
    assert f"make {target} PYTHON=python3.13" in line
    assert [path.name for path in tmp_path.iterdir()] == ["python3"]
