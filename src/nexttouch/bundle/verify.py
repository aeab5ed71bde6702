"""Load a bundle in a child process before any process that matters loads it."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.bundle.folder import open_bundle
from nexttouch.errors import BundleError

if TYPE_CHECKING:
    from nexttouch.bundle.folder import Bundle

__all__ = ["load_entry_point", "verify_in_child"]

_WALL_PER_CPU = 4  # a busy machine may give the child a quarter of a core
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def verify_in_child(
    folder: Path,
    *,
    entry: str = "nexttouch.pipeline.predictor:probe_bundle",
    timeout_s: int = 60,
    memory_mb: int = 4096,
) -> Bundle:
    """Open a bundle, and let a child process load it and repeat its probe rows.

    Parameters
    ----------
    folder : Path
    entry : str
        ``module:function``; called in the child as ``function(bundle)``, it loads the model from
        ``bundle.files`` and returns the outputs for ``bundle.probe.rows``, float64 of shape
        (n_rows, n_outputs).
    timeout_s : int
        CPU seconds the child may use, imports included; it may wait four times as long.
    memory_mb : int
        Memory the child may allocate.

    Returns
    -------
    Bundle
        Holding exactly the bytes that the child has tried.

    Raises
    ------
    BundleError
        If the folder is damaged, the child fails, hangs or dies, or an output differs from the
        expected one by more than 1e-9; naming the file or the probe row.

    Examples
    --------
    >>> verify_in_child(Path("no/such/folder"))
    Traceback (most recent call last):
    nexttouch.errors.BundleError: [NT710] There is no bundle in no/such/folder...
    """
    bundle = open_bundle(folder)
    _split(entry)
    order = {
        "folder": str(Path(folder).resolve()),
        "entry": entry,
        "cpu_s": timeout_s,
        "memory_mb": memory_mb,
    }
    answer = _ask_child(order, wall_s=timeout_s * _WALL_PER_CPU)
    if answer["digest"] != bundle.digest:
        raise BundleError(f"The bundle in {folder} was replaced while it was verified. Try again.")
    bundle.probe.compare(np.array(answer["outputs"], dtype=np.float64))
    return bundle


def load_entry_point(entry: str, *, within: str | None = None) -> Any:
    """Import ``module:name``.

    Parameters
    ----------
    entry : str
        Dotted module, a colon, a name in it.
    within : str, optional
        Package that the module must lie in: required where the name comes from a file.

    Raises
    ------
    BundleError
        If the name is malformed, lies elsewhere, or does not exist.

    Examples
    --------
    >>> load_entry_point("math:sqrt")(9.0)
    3.0
    >>> load_entry_point("os:system", within="nexttouch")
    Traceback (most recent call last):
    nexttouch.errors.BundleError: [NT710] The entry point 'os:system' is not part of nexttouch...
    """
    module, name = _split(entry)
    if within is not None and module.split(".")[0] != within:
        raise BundleError(
            f"The entry point {entry!r} is not part of {within}; it was not imported."
        )
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BundleError(f"The entry point {entry!r} does not exist: {error}.") from error


def _split(entry: str) -> tuple[str, str]:
    if not _DOTTED.fullmatch(entry):
        raise BundleError(
            f"{entry!r} is not an entry point. Write it as 'package.module:function'."
        )
    module, _, name = entry.partition(":")
    return module, name


def _ask_child(order: dict[str, Any], *, wall_s: float) -> dict[str, Any]:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "nexttouch.bundle.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
        start_new_session=True,
    )
    with child:
        try:
            out, err = child.communicate(json.dumps(order).encode() + b"\n", timeout=wall_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raise BundleError(_hung(order)) from None
        except BaseException:
            child.kill()
            raise
    if child.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise BundleError(_hung(order))
    if child.returncode != 0:
        raise BundleError(
            f"A child process that loaded the bundle in {order['folder']} "
            f"{_cause(child.returncode, err)}. The model files are damaged or need another version "
            "of LightGBM; nothing was loaded here. Keep the previous bundle and train again."
        )
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        raise BundleError("The child process that loaded the bundle gave no answer.") from None
    return answer


def _hung(order: dict[str, Any]) -> str:
    return (
        f"A child process that loaded the bundle in {order['folder']} did not finish within "
        f"{order['cpu_s']} CPU seconds and {order['memory_mb']} MB. The model files are damaged, "
        "or the limits are too small for this machine; nothing was loaded here."
    )


def _cause(code: int, err: bytes) -> str:
    if code < 0:
        return f"died of signal {signal.Signals(-code).name}"
    last = err.decode("utf-8", "replace").strip().splitlines()
    return f"failed: {last[-1][:500]}" if last else f"ended with code {code}"
