"""Boards with inputs and relays."""
