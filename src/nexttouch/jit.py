"""Compile with numba where it is there and enabled; else run the same functions as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["jit", "kernel_path", "sources"]


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


def kernel_path() -> Literal["compiled", "python"]:
    """Say how functions given to ``jit`` run in this process.

    Examples
    --------
    >>> kernel_path()
    'compiled'
    """
    return "compiled" if hasattr(jit(_nothing), "py_func") else "python"


def sources(beside: str, *modules: str) -> str:
    """Return a digest of modules that a compiled function is made from.

    The disk cache looks at a function's own file only. A compiled function that has this digest as
    a free variable is compiled anew when one of the others changes.

    Parameters
    ----------
    beside : str
        ``__file__`` of the module that asks; the others lie in its folder.
    modules : str
        Their names.

    Examples
    --------
    >>> len(sources(__file__, "jit", "progress"))
    64
    """
    digest = hashlib.sha256()
    for module in modules:
        path = Path(beside).with_name(f"{module}.py")
        digest.update(path.read_bytes() if path.exists() else module.encode())
    return digest.hexdigest()


def _nothing() -> None: ...
