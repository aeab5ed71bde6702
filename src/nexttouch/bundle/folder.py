"""Bundle folders: written beside their place and moved in whole, read back byte for byte."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexttouch.bundle.contents import MAX_FILES, check_content
from nexttouch.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, FileEntry, Manifest
from nexttouch.bundle.probe import Probe
from nexttouch.bundle.swap import move_into_place, remove_leftovers, temporary_beside
from nexttouch.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROBE", "Bundle", "open_bundle", "write_bundle"]

PROBE = "probe.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose bytes were all verified.

    Attributes
    ----------
    folder : Path
        Where it was read; what follows was read once and does not change with the folder.
    files : dict of str to bytes
        Content by name, the probe excluded.
    info : mapping
        What the pipeline said about the model.
    digest : str
        64 hex digits that name the bundle.
    versions : mapping
        Versions of python, nexttouch, numpy, lightgbm and numba that wrote it.
    probe : Probe
    """

    folder: Path
    files: dict[str, bytes] = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)
    digest: str
    versions: Mapping[str, str]
    probe: Probe = field(repr=False)


def write_bundle(
    folder: Path, files: Mapping[str, bytes], *, probe: Probe, info: Mapping[str, Any]
) -> Path:
    """Write a bundle, replacing an earlier one in one step.

    Killed at any moment, ``folder`` holds the earlier bundle or the new one, each complete.

    Parameters
    ----------
    folder : Path
        Final place; its parent is created when missing.
    files : mapping of str to bytes
        LightGBM text (``.txt``), ``.json``, ``.npy``, ``.md`` or ``.yaml`` by relative name.
    probe : Probe
        Rows with the outputs the bundle must give.
    info : mapping
        Strict JSON about the model: project, time of training, entry points, figures.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    BundleError
        If a name, a content or ``info`` is not allowed, or ``folder`` holds something else.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> probe = Probe(("x",), np.array([[1.0]]), ("p_churn",), np.array([[0.25]]))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = write_bundle(Path(place) / "bundle", {"stages.json": b'["new"]'},
    ...                           probe=probe, info={"project": "shop"})
    ...     bundle = open_bundle(folder)
    >>> bundle.info["project"], bundle.files
    ('shop', {'stages.json': b'["new"]'})
    """
    folder = Path(folder)
    if PROBE in files:
        raise BundleError(f"'{PROBE}' is written from the probe; give that file another name.")
    content = {**files, PROBE: probe.to_bytes()}
    manifest = Manifest.describe(content, info)
    for name, data in content.items():
        check_content(name, data)
    listing = manifest.to_bytes()
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} exists and is no bundle. Name another folder or empty it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    temporary = temporary_beside(folder)
    try:
        for name, data in content.items():
            _write(temporary / name, data)
        _write(temporary / MANIFEST, listing)
        move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle and verify every byte; nothing in it is executed.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        Naming the file that is missing, unlisted, linked, too large, changed or not allowed.

    Examples
    --------
    >>> open_bundle(Path("no/such/folder"))
    Traceback (most recent call last):
    nexttouch.errors.BundleError: [NT710] There is no bundle in no/such/folder...
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"There is no bundle in {folder}: {MANIFEST} is missing. "
            "Train a model first (nexttouch train), or name the folder of a bundle."
        )
    manifest = Manifest.from_bytes(_read(folder, MANIFEST, MAX_MANIFEST_BYTES))
    if PROBE not in manifest.files:
        raise BundleError.damaged(PROBE, "the manifest does not list it")
    unlisted = sorted(_names(folder) - set(manifest.files) - {MANIFEST})
    if unlisted:
        raise BundleError(
            f"'{unlisted[0]}' in {folder} is not in the manifest ({len(unlisted)} such files). "
            "Nothing may be added to a bundle; remove it or train again."
        )
    files = {}
    for name, entry in manifest.files.items():
        content = _read(folder, name, entry.size)
        if FileEntry.of(content) != entry:
            raise BundleError.damaged(name, "its sha256 differs from the manifest")
        check_content(name, content)
        files[name] = content
    probe = Probe.from_bytes(files.pop(PROBE))
    return Bundle(folder, files, manifest.info, manifest.digest, manifest.versions, probe)


def _names(folder: Path) -> set[str]:
    """List the plain files below a folder, refusing links."""
    names: set[str] = set()
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                relative = Path(entry.path).relative_to(folder).as_posix()
                if entry.is_symlink():
                    raise BundleError(f"'{relative}' is a link. A bundle holds plain files only.")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    names.add(relative)
                if len(names) + len(waiting) > 2 * MAX_FILES:
                    raise BundleError(f"{folder} holds more than {2 * MAX_FILES} files or folders.")
    return names


def _read(folder: Path, name: str, size: int) -> bytes:
    """Read at most ``size`` bytes of a plain file, without following a link."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BundleError.damaged(name, f"it cannot be opened ({error.strerror})") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"'{name}' is not a plain file.")
        if status.st_size > size:
            raise BundleError.damaged(name, f"it has {status.st_size} bytes, more than {size}")
        return file.read(size + 1)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
