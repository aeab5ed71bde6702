"""Compiling is optional, and so is the disk it is remembered on."""

import shutil
import subprocess
import sys

import numba
import pytest

from nexttouch.features import jit as shim
from nexttouch.features.jit import jit, sources

PROGRAM = """
from nexttouch.features.jit import jit
@jit
def double(x):
    return x + x
assert not hasattr(double, "py_func") and double(2) == 4
"""


def half(x):
    return x / 2


def test_switched_off_numba_leaves_python():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"NUMBA_DISABLE_JIT": "1"}, check=False
    )
    assert done.returncode == 0


def test_without_a_folder_to_cache_in_it_still_compiles(monkeypatch):
    honest = numba.njit

    def nowhere(function, *, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'half': no locator available")
        return honest(function, **options)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert jit(half).py_func is half


def test_digest_of_sources_changes_with_any_of_them(tmp_path, monkeypatch):
    for name in ("rows", "bind"):
        shutil.copy(shim.__file__.replace("jit.py", f"{name}.py"), tmp_path)
    monkeypatch.setattr(shim, "__file__", str(tmp_path / "jit.py"))
    before = sources("rows", "bind")
    with (tmp_path / "rows.py").open("a") as file:
        file.write("# changed\n")
    assert sources("rows", "bind") != before
    assert sources("bind") == sources("bind")


@pytest.mark.parametrize("value", [3.0, -0.0])
def test_compiled_and_plain_agree(value):
    assert jit(half)(value) == half(value)
