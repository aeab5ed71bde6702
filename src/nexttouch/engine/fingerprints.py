"""Event ids as numbers: few bytes that tell which new rows may repeat an id of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["fingerprints"]

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_CHUNK = 1 << 16


def fingerprints(customer_id: pa.Array, event_id: pa.Array) -> NDArray[np.uint64]:
    """Return a hash of each customer's event id, 0 where there is none.

    Equal ids of a customer have equal fingerprints on every machine and in every version. Others
    may share one by chance: then the rows themselves are compared.

    Parameters
    ----------
    customer_id, event_id : pyarrow.Array of str, shape (n_rows,)

    Returns
    -------
    uint64, shape (n_rows,)

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = fingerprints(pa.array(["a", "a", "b", "a"]), pa.array(["1", "1", "1", None]))
    >>> (found[0] == found[1]).item(), (found[0] == found[2]).item(), found[3].item()
    (True, False, 0)
    """
    if event_id.null_count == len(event_id):
        return np.zeros(len(event_id), np.uint64)
    coded = customer_id.dictionary_encode()
    owner = _hashes(coded.dictionary)[coded.indices.to_numpy()]
    given = event_id.is_valid().to_numpy(zero_copy_only=False)
    mixed = _mixed(owner[given] * _MIX + _hashes(event_id.drop_null()))
    found = np.zeros(len(event_id), np.uint64)
    found[given] = np.maximum(mixed, np.uint64(1))
    return found


def _hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """Hash texts by the polynomial of their bytes modulo 2**64."""
    parts = [_chunk(texts.slice(at, _CHUNK)) for at in range(0, len(texts), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _chunk(texts: pa.Array) -> NDArray[np.uint64]:
    _, places, content = texts.buffers()
    ends = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if ends[-1] == ends[0]:
        return np.zeros(len(texts), np.uint64)
    letters = np.frombuffer(content, np.uint8)[ends[0] : ends[-1]].astype(np.uint64) + np.uint64(1)
    ends = ends - ends[0]
    powers = np.cumprod(np.full(len(letters), _BASE, np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(letters * powers)])
    back = np.cumprod(np.full(len(letters) + 1, _INVERSE, np.uint64))
    return _mixed((sums[ends[1:]] - sums[ends[:-1]]) * back[ends[:-1]])


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(32))) * _MIX
    return numbers ^ (numbers >> np.uint64(29))
