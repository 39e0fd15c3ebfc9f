"""Optima: the best configuration under a posterior."""
