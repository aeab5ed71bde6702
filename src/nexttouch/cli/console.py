"""Where words go: results to stdout, progress and notices to stderr."""

from __future__ import annotations

import contextlib
import json as jsonlib
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from nexttouch.progress import quiet as no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nexttouch.progress import Progress as ProgressCall

__all__ = ["Console"]


class Console:
    """Rich tables on a terminal, plain text in a pipe, one JSON document with ``--json``."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        terminal = sys.stdout.isatty()
        self.out = RichConsole(width=None if terminal else 110, highlight=False)
        self.err = RichConsole(stderr=True, highlight=False)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and sys.stdout.isatty() and not self.json

    def say(self, text: str) -> None:
        """Print a line for people; nothing in JSON mode."""
        if not self.json:
            self.out.print(text)

    def document(self, facts: dict[str, Any]) -> None:
        """Print the JSON document; nothing in the other mode."""
        if self.json:
            print(jsonlib.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2))  # noqa: T201

    def show(
        self, facts: dict[str, Any], render: Callable[[RichConsole, dict[str, Any]], None]
    ) -> None:
        """Print facts as JSON or by a renderer."""
        self.document(facts)
        if not self.json:
            render(self.out, facts)

    @contextlib.contextmanager
    def progress(self) -> Iterator[ProgressCall]:
        """Show bars on stderr while work goes on; only on a terminal."""
        if self.quiet or not self.err.is_terminal:
            yield no_progress
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.err) as bars:
            tasks: dict[str, Any] = {}

            def step(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

            yield step
