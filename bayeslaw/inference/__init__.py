"""Inference: from a law and a table to a posterior."""

from bayeslaw.inference.fit import fit

__all__ = ["fit"]
