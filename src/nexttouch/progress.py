"""How long work says where it stands."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "quiet"]


class Progress(Protocol):
    """Called with what is being done, how much of it is done, and how much there is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show one step."""


def quiet(what: str, done: int, total: int) -> None:
    """Show nothing.

    Examples
    --------
    >>> quiet("reading", 1, 2)
    """
