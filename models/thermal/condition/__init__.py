"""Whether a position may measure people at all, clause by clause."""
