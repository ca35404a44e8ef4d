"""A body of known temperature in the picture: found, followed, looked at and believed."""
