"""The command line: parse, call, print. Bad input ends with one message and status 2."""

from bayeslaw.cli.app import main

__all__ = ["main"]
