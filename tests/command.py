"""The command line as tests call it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from typing import Any, NamedTuple

from bayeslaw.cli.app import main

#: Options of a fit that takes a second.
FIT = ("--law", "chinchilla", "--chains", 2, "--draws", 200, "--warmup", 200, "--seed", 1)


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        def never(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.out, parse_constant=never)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def bayeslaw(*arguments: object, out: io.StringIO | None = None) -> Result:
    """Run the command line in this process, as the installed script does."""
    out = io.StringIO() if out is None else out
    err, before = io.StringIO(), sys.argv
    sys.argv = ["bayeslaw", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return Result(code, out.getvalue(), err.getvalue())


def shell(*arguments: object) -> Result:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "bayeslaw", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def refused(result: Result, *parts: str) -> None:
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1, "one line"
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err
