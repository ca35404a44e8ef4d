"""Thermal positions: frames in, one reading a person out, and whether a position may measure at all."""
