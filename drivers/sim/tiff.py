"""Writes radiometric TIFFs, as FLIR's cores and cameras with temperature-linear counts do.

Source: TIFF 6.0; ``Camera:TlinearGain`` in the XMP (FLIR TIFF file format, 102-9012-01).
"""

import io
from collections.abc import Sequence

import cv2
import numpy as np
import tifffile

from drivers.api import RawFrame

_XMP_TAG, _BYTES = 700, 1
_KELVIN_C = 273.15


def tlinear(temps_c: np.ndarray[tuple[int, int], np.dtype[np.float64]], gain_k: float) -> RawFrame:
    """Counts of ``gain_k`` kelvins each, of temperatures (h, w) in °C."""
    return np.clip(np.rint((temps_c + _KELVIN_C) / gain_k), 0, 65535).astype(np.uint16)


def xmp(gain_k: float, model: str = "Sim Pro R") -> str:
    """What such a camera says of its counts; a gain of 0 means that they are not linear in temperature."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Camera="http://pix4d.com/camera/1.0/" '
        'xmlns:xmpDM="http://ns.adobe.com/xmp/1.0/DynamicMedia/">'
        f"<Camera:TlinearGain>{gain_k:.2f}</Camera:TlinearGain><Camera:IsNormalized>1</Camera:IsNormalized>"
        f"<xmpDM:cameraModel>{model}</xmpDM:cameraModel></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def radiometric_tiff(
    pictures: Sequence[RawFrame],
    said: str | None = None,
    *,
    order: str = "<",
    rows_per_strip: int | None = None,
) -> bytes:
    """A page each; ``said`` is the first page's XMP."""
    content = io.BytesIO()
    with tifffile.TiffWriter(content, byteorder="<" if order == "<" else ">") as writer:
        for number, picture in enumerate(pictures):
            text = said.encode() if said and not number else b""
            tags = [(_XMP_TAG, _BYTES, len(text), text, True)] if text else []
            writer.write(
                picture,
                photometric="minisblack",
                contiguous=False,
                metadata=None,
                software=False,
                rowsperstrip=rows_per_strip,
                extratags=tags,
            )
    return content.getvalue()


def packed_tiff(pictures: Sequence[RawFrame], compression: int = 5, predictor: int = 2) -> bytes:
    """A page each, packed (5 = LZW) as photo software leaves them: without any word on what counts mean."""
    how = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    fit, content = cv2.imencodemulti(".tiff", list(pictures), how)
    assert fit
    return content.tobytes()
