"""Readers of codes and cards."""
