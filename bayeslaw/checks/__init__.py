"""Whether an answer can be trusted: predictive checks, rolling origin, calibration."""
