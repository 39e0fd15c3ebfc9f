"""One call to an answer: laws, their past, their weights, and what lies beyond the runs."""
