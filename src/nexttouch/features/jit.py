"""Compile with numba where it is there and enabled; else run the same functions as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["jit", "sources"]


def jit(function: Callable[..., Any]) -> Any:
    """Return ``function`` compiled: serial, without the interpreter lock, exact, cached on disk.

    No fast math: the compiler may neither reorder nor fuse floating point operations, so results
    are those of plain Python, bit for bit.

    Examples
    --------
    >>> @jit
    ... def double(x):
    ...     return x + x
    >>> double(2.5)
    5.0
    """
    try:
        from numba import njit  # noqa: PLC0415  numba costs half a second to import
    except ImportError:
        return function
    in_file = Path(function.__code__.co_filename).exists()  # the disk cache is keyed by the file
    try:
        return njit(function, nogil=True, fastmath=False, cache=in_file)
    except RuntimeError:  # no folder can be written: compile at each start
        return njit(function, nogil=True, fastmath=False)


def sources(*modules: str) -> str:
    """Return a digest of modules of this room that a compiled function is made from.

    The disk cache looks at a function's own file only. A compiled function that has this digest as
    a free variable is compiled anew when one of the others changes.

    Examples
    --------
    >>> len(sources("jit", "rows"))
    64
    """
    here = Path(__file__)
    digest = hashlib.sha256()
    for module in modules:
        path = here.with_name(f"{module}.py")
        digest.update(path.read_bytes() if path.exists() else module.encode())
    return digest.hexdigest()
