"""A way through the building: one task a portal, from the first evidence of a person to their passage."""
