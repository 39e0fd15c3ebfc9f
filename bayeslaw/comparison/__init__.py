"""Comparing laws: how they predict runs left out, larger runs, and new ones."""
