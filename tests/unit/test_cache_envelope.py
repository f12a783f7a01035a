"""Cache entries as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.values import Json
from enrich.ports import CacheEntry
from enrich.state.cache_envelope import ForeignError, UnreadableError, decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(payload=JSON, negative=st.booleans(), reason=st.text(st.characters(codec="utf-8")))
def test_what_is_encoded_is_decoded_to_the_same(payload: Json, negative: bool, reason: str) -> None:
    entry = CacheEntry(
        payload=payload, ttl_s=60, negative=negative, reason=reason, soft_ttl_s=30, stale_ttl_s=5
    )

    life_ms, raw = encode("k", entry, ttl_s=60)

    seen = decode("k", raw)
    assert (seen.payload, seen.negative, seen.reason) == (payload, negative, reason)
    assert (life_ms, seen.life_ms, seen.stale_ms, seen.soft_ttl_ms) == (
        65_000,
        65_000,
        5_000,
        30_000,
    )


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_c28_no_flipped_bit_is_believed(at: int, bit: int) -> None:
    _, raw = encode("k", CacheEntry(payload={"a": "value"}, ttl_s=60), ttl_s=60)
    damaged = bytearray(raw)
    damaged[at % len(raw)] ^= 1 << bit

    with pytest.raises(UnreadableError):
        decode("k", bytes(damaged))


@given(st.binary(max_size=100))
def test_c29_no_bytes_of_others_are_believed(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode("k", raw)


def test_c26_an_entry_of_another_key_is_unreadable() -> None:
    _, raw = encode("k", CacheEntry(payload=1, ttl_s=60), ttl_s=60)

    with pytest.raises(UnreadableError):
        decode("other", raw)


def test_c14_a_later_version_is_told_apart() -> None:
    with pytest.raises(ForeignError):
        decode("k", b"e2 whatever comes")
