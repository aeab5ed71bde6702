"""Who was erased, told without their ids: salted hashes that keep them from coming back."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from nexttouch.engine.files import replace_file
from nexttouch.errors import DamagedStoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tombstones", "words_of"]

_FILE = "erased.json"
_FIELDS = re.compile(r"[,;|\t]")
_BETWEEN = re.compile(r"""[\s,;|"':{}\[\]()<>=&/?#]+""")


@dataclass(frozen=True)
class Tombstones:
    """Marks of erased customers.

    Attributes
    ----------
    salt : str
        Of this store; without it marks say nothing.
    marks : tuple of str
        ``sha256(salt + customer_id)``, sorted.

    Examples
    --------
    >>> erased = Tombstones().adding("007")
    >>> erased.holds("007"), erased.holds("7")
    (True, False)
    """

    salt: str = ""
    marks: tuple[str, ...] = ()

    def holds(self, customer_id: str) -> bool:
        """Tell whether a customer was erased."""
        return self._mark(customer_id) in self.marks

    def adding(self, customer_id: str) -> Self:
        """Return the tombstones with one more."""
        known = type(self)(self.salt or secrets.token_hex(16), self.marks)
        marks = sorted({*known.marks, known._mark(customer_id)})  # noqa: SLF001 - of this class
        return type(self)(known.salt, tuple(marks))

    def spare(self, rows: pa.Table) -> pa.Array:
        """Mark the rows whose texts name nobody who was erased, in whole or as a field.

        Parameters
        ----------
        rows : pyarrow.Table of shape (n_rows, n_columns)
            Any table; only its text columns are looked at.

        Returns
        -------
        pyarrow.Array of bool, shape (n_rows,)

        Examples
        --------
        >>> lines = pa.table({"line": ["007,2025-01-01", "0070,2025-01-01"]})
        >>> Tombstones().adding("007").spare(lines).to_pylist()
        [False, True]
        """
        kept = [True] * rows.num_rows
        for column in rows.columns:
            if pa.types.is_string(column.type):
                for at, text in enumerate(column.to_pylist()):
                    kept[at] = kept[at] and not self._named_in(text)
        return pa.array(kept, pa.bool_())

    def write(self, store: Path) -> None:
        """Keep a second copy beside the manifest: should that be damaged, nobody comes back."""
        if self.marks:
            digest = hashlib.sha256("".join((self.salt, *self.marks)).encode()).hexdigest()
            parts = {"digest": digest, "salt": self.salt, "marks": self.marks}
            replace_file(store / _FILE, json.dumps(parts, indent=1).encode())

    @classmethod
    def read(cls, store: Path) -> Self:
        """Read that copy.

        Raises
        ------
        DamagedStoreError
            If it was changed.
        """
        path = store / _FILE
        try:
            parts = json.loads(path.read_bytes())
            found = cls(str(parts["salt"]), tuple(parts["marks"]))
            digest = hashlib.sha256("".join((found.salt, *found.marks)).encode()).hexdigest()
            intact = parts["digest"] == digest
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise DamagedStoreError.wrong_file(str(path), "was changed after it was written")
        return found

    def _mark(self, customer_id: str) -> str:
        text = (self.salt + customer_id).encode(errors="surrogatepass")
        return hashlib.sha256(text).hexdigest()

    def _named_in(self, text: str | None) -> bool:
        if not text:
            return False
        return any(self.holds(word) for word in set(words_of(text)) if word)


def words_of(text: str) -> list[str]:
    """Return a text as a whole, and the fields and words in it, as CSV, JSON and HTML part them.

    Examples
    --------
    >>> words_of("a b,1")[1:]
    ['a b', 'a', 'b', '1']
    """
    fields = [field.strip(" \"'") for field in _FIELDS.split(text)]
    words = _BETWEEN.split(text)
    kept = [field for field in fields if field not in words]
    return [text] * (len(fields) > 1 or len(words) > 1) + kept + words
