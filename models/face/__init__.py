"""Faces in pictures. Imports nothing by itself: the libraries behind it are for those who have a camera."""

DETECTORS = ("yunet_s_dynamic", "yunet_2023mar")
"""Models of the manifest that find faces, in order of preference; the second takes 640 × 640 only."""
