"""Odd inputs of every kind, and what each must come to."""
