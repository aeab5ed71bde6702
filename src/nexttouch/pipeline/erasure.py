"""A customer erased: from events, scores, decisions and lists, with a scan that proves it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nexttouch.engine import Manifest, erase_customer, files_holding, traces_of
from nexttouch.errors import StoreError, UnknownCustomerError
from nexttouch.pipeline.project import Project
from nexttouch.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexttouch.config import Config

__all__ = ["ErasureReport", "erase"]


@dataclass(frozen=True)
class ErasureReport:
    """Where a customer was found, and where a scan of the state folder still finds them.

    Attributes
    ----------
    erased : bool
        False for a dry run: nothing was changed.
    events : tuple of dict
        File of the event store, and rows.
    tables : tuple of dict
        Table of the SQL database, and rows.
    files : tuple of dict
        Lists and pages that name the customer; they are removed as a whole, and `nexttouch decide`
        writes them again.
    remaining : tuple of dict
        File and hits of the scan that comes last; empty for a dry run and after an erasure.
    """

    erased: bool
    events: tuple[dict[str, Any], ...]
    tables: tuple[dict[str, Any], ...]
    files: tuple[dict[str, Any], ...]
    remaining: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON; the id is not among them."""
        return asdict(self)


def erase(
    project: str | Path | Config | Project, customer_id: str, *, dry_run: bool = False
) -> ErasureReport:
    """Remove a customer from everything the project keeps in its state folder and database.

    What is in the sources stays there, and is not taken in again: the event store keeps a salted
    hash of the id. Trained models hold no rows of customers.

    Parameters
    ----------
    project : path, Config or Project
    customer_id : str
        Compared exactly.
    dry_run : bool
        Only list what would go.

    Raises
    ------
    UnknownCustomerError
        If nothing is known of the customer, and they were not erased before.
    StoreBusyError
        If another process is writing to the event store.
    StoreError
        If the scan still finds the customer, naming the files.
    """
    opened = Project.open(project)
    manifest = Manifest.read(opened.store_folder)
    report = ErasureReport(
        erased=not dry_run,
        events=tuple(files_holding(opened.store_folder, customer_id)),
        tables=tuple(_rows_of(opened, customer_id)),
        files=tuple(_lists(opened, customer_id)),
    )
    known = report.events or report.tables or report.files
    if not known and not manifest.erased.holds(customer_id):
        raise UnknownCustomerError.named(customer_id, opened.name)
    if dry_run:
        return report
    erase_customer(opened.store_folder, customer_id, opened.config.customers)
    for place in report.files:
        (opened.state / place["file"]).unlink(missing_ok=True)
    _delete(opened, customer_id)
    remaining = traces_of(customer_id, opened.state)
    if remaining:
        files = ", ".join(f"{place['file']} ({place['hits']})" for place in remaining)
        msg = (
            f"The customer was erased, but the id still stands in {files}. Another program may "
            "hold the database open, or other customers' rows name this one: close it or remove "
            "those files, then run the same command again."
        )
        raise StoreError(msg)
    return report


def _lists(project: Project, customer_id: str) -> Iterator[dict[str, Any]]:
    """List worklists and pages that name a customer, relative to the state folder."""
    folder = project.worklist_folder
    for place in traces_of(customer_id, folder) if folder.is_dir() else ():
        file = (folder / place["file"]).relative_to(project.state)
        yield {"file": str(file), "hits": place["hits"]}


def _rows_of(project: Project, customer_id: str) -> Iterator[dict[str, Any]]:
    """Count a customer's rows in every table that knows customers."""
    with _database(project) as database:
        if database is None:
            return
        with database.reading() as link:
            for table in _tables(link):
                mine = table.c.customer_id == customer_id
                asked = sa.select(sa.func.count()).select_from(table).where(mine)
                rows = link.execute(asked).scalar() or 0
                if rows:
                    yield {"table": table.name, "rows": rows}


def _delete(project: Project, customer_id: str) -> None:
    """Delete a customer's rows; of SQLite the freed pages and the log are overwritten too."""
    with _database(project) as database:
        if database is None:
            return
        with database.writing() as link:
            for table in _tables(link):
                link.execute(sa.delete(table).where(table.c.customer_id == customer_id))
    file = _sqlite_file(project)
    if file is not None:
        freed = sqlite3.connect(file, timeout=5, isolation_level=None)
        try:
            freed.execute("PRAGMA secure_delete = ON")
            freed.execute("VACUUM")
            freed.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            msg = f"{file} could not be cleaned: {error}. Stop the service, then run this again."
            raise StoreError(msg) from error
        finally:
            freed.close()


def _tables(link: sa.Connection) -> list[sa.Table]:
    """Return the tables with a customer id, those that refer to others first."""
    found = sa.MetaData()
    found.reflect(link)
    return [table for table in reversed(found.sorted_tables) if "customer_id" in table.c]


@contextlib.contextmanager
def _database(project: Project) -> Iterator[Database | None]:
    """Open the project's database; None when there is no file of it yet."""
    file = _sqlite_file(project)
    if file is not None and not file.exists():
        yield None
        return
    database = Database(project.database_url)
    try:
        yield database
    finally:
        database.close()


def _sqlite_file(project: Project) -> Path | None:
    url = sa.make_url(project.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
