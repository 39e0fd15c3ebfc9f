"""Inference: from a law and a table, or many tables, to posteriors."""

from bayeslaw.inference.each import fit_each
from bayeslaw.inference.fit import fit
from bayeslaw.inference.many import fit_many

__all__ = ["fit", "fit_each", "fit_many"]
