"""Inference: from a law and a table, or many tables, to posteriors."""
