"""Faces in pictures. Imports nothing by itself: the libraries behind it are for those who have a camera."""

DETECTORS = ("yunet_s_dynamic", "yunet_2023mar")
"""Models of the manifest that find faces, in order of preference; the second takes 640 × 640 only."""
EMBEDDER = "face_reid_0095"
"""Makes the embeddings that templates are of."""
LIVENESS = ("minifasnet_v2", "minifasnet_v1se")
"""Tell the living from pictures of them: the close crop, the wide one."""
MASKED = "masked_rfb_640"
"""Tells faces with a mask; nothing depends on it."""
