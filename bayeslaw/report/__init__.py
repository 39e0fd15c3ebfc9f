"""A report: one page that holds everything a reader needs to judge an answer."""

from bayeslaw.report.facts import Report
from bayeslaw.report.report import report

__all__ = ["Report", "report"]
