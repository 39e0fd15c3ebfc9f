"""From a law and a table to a NumPyro model: noise, discrepancy, pooling, simulation."""
