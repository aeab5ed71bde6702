"""Connections: a write is one transaction, seen once committed; SQLite and Postgres alike."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nexttouch.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Database"]

_BUSY_MS = 5000


class Database:
    """A database by URL, opened when first used and again after a fork.

    SQLite runs in WAL mode with ``synchronous=FULL``, waits 5 s for another writer and begins each
    write with ``BEGIN IMMEDIATE``. Its file must lie on a local disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     database = Database(f"sqlite:///{folder}/state.db")
    ...     with database.reading() as connection:
    ...         print(connection.execute(sa.text("PRAGMA journal_mode")).scalar())
    ...     database.close()
    wal
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise StoreError(
                "data.database_url is not a database URL. Write sqlite:///path/to/file.db or "
                "postgresql://user:password@host/name."
            ) from error
        if self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")
        if self._url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise StoreError(
                f"'{self._url.get_backend_name()}' is not supported as a database. Use SQLite or "
                "Postgres."
            )
        self._engine: sa.Engine | None = None
        self._process = 0

    @property
    def name(self) -> str:
        """The URL without its password, for messages."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run statements in one transaction: all of them are committed, or none."""
        with self._speaking(), self._connected().execution_options(immediate=True).begin() as link:
            yield link

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Run queries that all see the same state."""
        with self._speaking(), self._connected().begin() as link:
            yield link

    def close(self) -> None:
        """Close all connections of this process."""
        if self._engine is not None and self._process == os.getpid():
            self._engine.dispose()
        self._engine = None

    def _connected(self) -> sa.Engine:
        if self._engine is None or self._process != os.getpid():
            if self._engine is not None:
                self._engine.dispose(close=False)  # they belong to the process that forked
            self._engine, self._process = self._create(), os.getpid()
        return self._engine

    def _create(self) -> sa.Engine:
        if self._url.get_backend_name() == "postgresql":
            try:
                return sa.create_engine(self._url, isolation_level="REPEATABLE READ")
            except ImportError as error:
                raise StoreError(
                    "Postgres needs its driver. Install it with: pip install 'nexttouch[postgres]'"
                ) from error
        if self._url.database in {None, "", ":memory:"}:
            raise StoreError("SQLite needs a file here. Write sqlite:///path/to/file.db.")
        Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(self._url, connect_args={"timeout": _BUSY_MS / 1000})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError) as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise StoreError(
                f"The database {self.name} cannot be used: {cause}. Check data.database_url, the "
                "disk and that no other program holds it; nothing of this step was kept."
            ) from error


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, see below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
