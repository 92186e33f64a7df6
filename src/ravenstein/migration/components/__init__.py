"""Components of long-term migration: each a function of its source, with its error."""
