"""A report: one page that holds everything a reader needs to judge an answer."""
