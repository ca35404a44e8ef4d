"""Thermal cameras and pyrometers."""
