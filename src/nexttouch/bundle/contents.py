"""What may lie in a bundle: text, JSON, plain arrays; nothing that runs when it is read."""

from __future__ import annotations

import io
import json
import pickletools
import re
from pathlib import PurePosixPath
from typing import Any, NoReturn

from nexttouch.errors import BundleError

__all__ = [
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "MAX_TOTAL_BYTES",
    "check_content",
    "check_name",
    "dump_json",
]

MAX_FILES = 256
MAX_FILE_BYTES = 256 * 2**20
MAX_TOTAL_BYTES = 1024 * 2**20

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]*(/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*")
_TEXT = frozenset({".json", ".txt", ".md", ".yaml"})
_RUNS_CODE = frozenset(
    {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".skops", ".pt", ".py"}
)
_PICKLE_CALLS = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE"}
)
_NPY_MAGIC = b"\x93NUMPY"


def check_name(name: str) -> None:
    """Refuse a name that leaves the folder, hides, or announces code.

    Raises
    ------
    BundleError
        Naming the file.

    Examples
    --------
    >>> check_name("models/stage.txt")
    >>> check_name("../stage.txt")
    Traceback (most recent call last):
    nexttouch.errors.BundleError: [NT710] The file name '../stage.txt' is not allowed in a bundle...
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _RUNS_CODE:
        raise BundleError(
            f"'{name}' is a format that runs code when it is loaded. "
            "Bundles hold LightGBM text, JSON and plain .npy arrays only."
        )
    if not _NAME.fullmatch(name) or len(name) > 200 or suffix not in _TEXT | {".npy"}:
        raise BundleError(
            f"The file name {name[:200]!r} is not allowed in a bundle. Use letters, digits, '_', "
            "'-', '.' and '/', ending in .json, .txt, .md, .yaml or .npy."
        )


def check_content(name: str, content: bytes) -> None:
    """Refuse bytes that are not what their name says, above all pickles under another name.

    Raises
    ------
    BundleError
        Naming the file.

    Examples
    --------
    >>> check_content("stages.json", b'{"stages": ["new"]}')
    >>> import pickle
    >>> check_content("stages.txt", pickle.dumps(BundleError("x"), protocol=0))
    Traceback (most recent call last):
    nexttouch.errors.BundleError: [NT710] 'stages.txt' is a pickle, which runs code when loaded...
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".npy":
        _check_array(name, content)
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(
            f"'{name}' is not UTF-8 text (byte {error.start}). It is damaged or of another format; "
            "take the bundle from MLflow again or train again."
        ) from None
    if suffix == ".json":
        try:
            json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"'{name}' is not strict JSON: {error}.") from None
    elif _is_pickle(content):
        raise BundleError(f"'{name}' is a pickle, which runs code when loaded. Remove it.")


def _check_array(name: str, content: bytes) -> None:
    import numpy as np  # noqa: PLC0415 - names and text are checked without it

    if not content.startswith(_NPY_MAGIC):
        raise BundleError(f"'{name}' is not a .npy array.")
    try:
        np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise BundleError(f"'{name}' is not a plain .npy array: {error}.") from None


def _is_pickle(content: bytes) -> bool:
    """Tell whether all bytes form one pickle that would call something."""
    calls = False
    try:
        for opcode, _, position in pickletools.genops(content):
            calls |= opcode.name in _PICKLE_CALLS
            if opcode.name == "STOP":
                return calls and not content[(position or 0) + 1 :].strip()
    except Exception:  # noqa: BLE001 - whatever the parser stumbles over, it is no pickle
        return False
    return False


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def dump_json(value: Any) -> bytes:
    r"""Write strict JSON in one fixed form: sorted keys, UTF-8, a newline at the end.

    Examples
    --------
    >>> dump_json({"b": 1, "a": [0.1]})
    b'{\n "a": [\n  0.1\n ],\n "b": 1\n}\n'
    """
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=1)
    return f"{text}\n".encode()
