"""Terminals and gates that people identify themselves at."""
