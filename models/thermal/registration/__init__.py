"""A visible camera beside a thermal one, and the inner corners of the eyes in both."""
