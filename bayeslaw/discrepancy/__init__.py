"""What a law misses: misfit that runs share, integrated out.

Log loss is the law's logarithm, plus a zero-mean Gaussian process, plus noise. The process is a sum
of kernels (``kernels``), whose parameters are fitted with the coefficients of the law.
"""

from bayeslaw.discrepancy.asked import LARGEST_TABLE, Asked, discrepancy
from bayeslaw.discrepancy.kernels import GaussianProcess, Growth, Kernel, Offsets
from bayeslaw.discrepancy.total import Discrepancy, conditional, log_density

__all__ = [
    "LARGEST_TABLE",
    "Asked",
    "Discrepancy",
    "GaussianProcess",
    "Growth",
    "Kernel",
    "Offsets",
    "conditional",
    "discrepancy",
    "log_density",
]
