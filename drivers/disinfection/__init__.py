"""Disinfection units and what watches them."""
