"""The room of a bucket, as the stores tell it."""

from benchmarks.sizing import buckets
from ratelimit.bucket import EMPTY

KEY_BYTES = len("lk_0123456789ab")


def test_a_bucket_takes_its_record_and_its_key_and_not_much_more() -> None:
    assert len(EMPTY) + KEY_BYTES < buckets.lmdb(2000) < 5 * (len(EMPTY) + KEY_BYTES)
