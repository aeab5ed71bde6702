"""Compile with numba where it is there and enabled; else run the same functions as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["jit"]


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
    return njit(function, nogil=True, fastmath=False, cache=bool(_file_of(function)))


def _file_of(function: Callable[..., Any]) -> bool:
    """Tell whether the source lies in a file: only then can the disk cache be keyed."""
    return not function.__code__.co_filename.startswith("<")
