"""Which runs to train next: targets, candidates, the rule, what a batch promises."""
