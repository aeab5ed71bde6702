"""Keyed draws and names: holdout, ties, pseudonyms, decision ids. No state, no random generator.

Whoever holds the key can repeat every draw; nobody else can foresee one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.errors import AllocationInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["draws", "keyed_hashes", "pseudonyms", "quarter"]


def keyed_hashes(
    key: bytes, purpose: str, epoch: str, customer_ids: Sequence[str]
) -> NDArray[np.uint64]:
    """Return one 64-bit hash per customer; purposes and epochs are independent of each other.

    Parameters
    ----------
    key : bytes
        The project's policy key, at least 16 bytes.
    purpose, epoch : str
        What is drawn, such as ``holdout``, and for how long, such as ``2025Q3``.

    Raises
    ------
    AllocationInputError
        If the key is too short to keep a draw secret.

    Examples
    --------
    >>> a, b = keyed_hashes(b"0123456789abcdef", "holdout", "2025Q3", ["007", "7"])
    >>> bool(a == b)
    False
    """
    own = _own_key(key, f"{purpose}\x00{epoch}")
    blake = hashlib.blake2b
    joined = b"".join(
        blake(customer.encode("utf-8", "surrogatepass"), digest_size=8, key=own).digest()
        for customer in customer_ids
    )
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64)


def draws(key: bytes, purpose: str, epoch: str, customer_ids: Sequence[str]) -> NDArray[np.float64]:
    """Return one number in [0, 1) per customer.

    Examples
    --------
    >>> share = draws(b"0123456789abcdef", "holdout", "2025Q3", [str(i) for i in range(20_000)])
    >>> bool(abs((share < 0.05).mean() - 0.05) < 0.005)
    True
    """
    hashes = keyed_hashes(key, purpose, epoch, customer_ids)
    return (hashes >> np.uint64(11)).astype(np.float64) / 2.0**53


def pseudonyms(key: bytes, customer_ids: Sequence[str]) -> list[str]:
    """Return the names by which the ledger knows customers.

    Examples
    --------
    >>> len(pseudonyms(b"0123456789abcdef", ["007"])[0])
    32
    """
    own = _own_key(key, "pseudonym")
    blake = hashlib.blake2b
    return [
        blake(customer.encode("utf-8", "surrogatepass"), digest_size=16, key=own).hexdigest()
        for customer in customer_ids
    ]


def quarter(as_of: pd.Timestamp) -> str:
    """Return the calendar quarter (UTC) of a moment: the epoch of the holdout.

    Examples
    --------
    >>> import pandas as pd
    >>> quarter(pd.Timestamp("2025-08-01", tz="UTC"))
    '2025Q3'
    """
    if as_of.tzinfo is None:
        msg = f"as_of must carry a time zone; {as_of} does not."
        raise AllocationInputError(msg)
    moment = as_of.tz_convert("UTC")
    return f"{moment.year}Q{moment.quarter}"


def _own_key(key: bytes, purpose: str) -> bytes:
    if len(key) < 16:
        msg = f"policy_key has {len(key)} bytes; give at least 16 that are kept secret."
        raise AllocationInputError(msg)
    message = purpose.encode()
    return hashlib.blake2b(message, key=hashlib.blake2b(key).digest()).digest()
