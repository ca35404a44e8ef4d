"""Faces seen on the gateway: how many there are, whose they are not, and whether a mask is worn."""
