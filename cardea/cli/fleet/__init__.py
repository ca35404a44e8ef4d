"""``cardea sim fleet``: a folder for an aggregator with many towers, and the towers' traffic."""
