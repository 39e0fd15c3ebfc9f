"""Whether the intervals of a design will be right, and how wide, before compute is spent."""
