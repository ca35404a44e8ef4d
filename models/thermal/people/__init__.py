"""People before a thermal camera: found by warmth and shape, followed, measured on the face."""
