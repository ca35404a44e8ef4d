"""Bodies that are packed as their header says, otherwise, or not at all."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.links.http_content import ContentTooLong, content_of

PACKED = {
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", lambda content: zlib.compress(content, wbits=-15)),
    "gzip": ("gzip", gzip.compress),
}


@pytest.mark.parametrize("form", PACKED)
@given(content=st.binary(max_size=500))
def test_what_is_packed_is_unpacked(form, content):
    encoding, pack = PACKED[form]
    assert content_of(pack(content), f" {encoding.upper()} ", 500) == content


@pytest.mark.parametrize("encoding", ["", "identity", "br", "deflate", "gzip", "deflate, gzip"])
@pytest.mark.parametrize("content", [b"", b"OK\r\n", b"FIR\0" + bytes(range(256)), b"\xff\xd8\xff\xe0" * 9])
def test_what_is_not_packed_is_taken_as_it_stands(encoding, content):
    assert content_of(content, encoding, 1000) == content


@given(body=st.binary(max_size=300), encoding=st.sampled_from(["deflate", "gzip", "?"]))
def test_garbage_never_raises(body, encoding):
    content_of(body, encoding, 1_000_000)


@pytest.mark.parametrize("form", PACKED)
def test_no_more_is_unpacked_than_is_wanted(form):
    encoding, pack = PACKED[form]
    packed = pack(bytes(10_000_000))
    assert len(packed) < 20_000
    with pytest.raises(ContentTooLong):
        content_of(packed, encoding, 9_999_999)
    assert len(content_of(packed, encoding, 10_000_000)) == 10_000_000


@pytest.mark.parametrize("form", PACKED)
def test_a_stream_that_is_cut_or_goes_on_is_not_guessed_at(form):
    encoding, pack = PACKED[form]
    packed = pack(b"temperature" * 40)
    assert content_of(packed[:-1], encoding, 1000) == packed[:-1]
    assert content_of(packed + b"!", encoding, 1000) == packed + b"!"
