"""A bundle is written whole and opened only when every byte is as it was written."""

import json
import os
import pickle
import stat
import subprocess
import sys
import textwrap
import time

import joblib
import numpy as np
import pytest

from nexttouch.bundle import Probe, open_bundle, write_bundle
from nexttouch.bundle.contents import MAX_FILE_BYTES
from nexttouch.bundle.manifest import FileEntry, Manifest
from nexttouch.bundle.swap import move_into_place
from nexttouch.errors import BundleError


def rewrite(folder, parts, **changed):
    """Write the bundle again as an attacker would: hashes match the changed files."""
    files, probe = parts
    write_bundle(folder, {**files, **changed}, probe=probe, info={"project": "shop"})


def test_what_is_written_is_read_back_byte_for_byte(folder, parts):
    files, probe = parts
    bundle = open_bundle(folder)
    assert bundle.files == files
    assert bundle.info == {"project": "shop"}
    assert np.array_equal(bundle.probe.rows, probe.rows, equal_nan=True)
    assert np.array_equal(bundle.probe.expected, probe.expected)
    assert set(bundle.versions) == {"python", "nexttouch", "numpy", "lightgbm", "numba"}


def test_same_content_has_same_digest_and_other_content_another(tmp_path, folder, parts):
    files, probe = parts
    same = write_bundle(
        tmp_path / "same", dict(reversed(files.items())), probe=probe, info={"project": "shop"}
    )
    other = write_bundle(tmp_path / "other", files, probe=probe, info={"project": "shops"})
    assert open_bundle(same).digest == open_bundle(folder).digest != open_bundle(other).digest


def test_every_flipped_bit_is_refused(folder):
    """Every file, manifest and probe included; a sample of byte positions, ends included."""
    rng = np.random.default_rng(0)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        good = path.read_bytes()
        positions = {0, len(good) - 1, *rng.integers(0, len(good), 60).tolist()}
        for position in positions:
            bad = bytearray(good)
            bad[position] ^= 1 << int(rng.integers(8))
            path.write_bytes(bad)
            with pytest.raises(BundleError, match=r"NT710"):
                open_bundle(folder)
        path.write_bytes(good)
    open_bundle(folder)


def test_every_truncation_is_refused(folder):
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        good = path.read_bytes()
        for keep in (0, 1, len(good) // 2, len(good) - 1):
            path.write_bytes(good[:keep])
            with pytest.raises(BundleError, match=path.name):
                open_bundle(folder)
        path.write_bytes(good)


def test_a_longer_or_missing_file_is_named(folder):
    path = folder / "models" / "churn.txt"
    good = path.read_bytes()
    path.write_bytes(good + b"\n")
    with pytest.raises(BundleError, match=r"models/churn.txt.*more than"):
        open_bundle(folder)
    path.unlink()
    with pytest.raises(BundleError, match=r"models/churn.txt.*cannot be opened"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["extra.txt", "models/extra.json", ".hidden", "__pycache__/x.pyc"])
def test_an_unlisted_file_is_refused(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"{}")
    with pytest.raises(BundleError, match=r"not in the manifest"):
        open_bundle(folder)


def test_links_and_pipes_are_refused(folder, tmp_path):
    path = folder / "models" / "churn.txt"
    path.rename(tmp_path / "elsewhere.txt")
    path.symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(BundleError, match=r"models/churn.txt' is a link"):
        open_bundle(folder)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BundleError, match=r"models/churn.txt' is not a plain file"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../up.txt",
        "/etc/up.txt",
        "a/../../up.txt",
        "a//b.txt",
        ".x.txt",
        "a\\b.txt",
        "ä.txt",
        "a.txt\n",
        "x.bin",
        "x",
        "",
    ],
)
def test_names_that_leave_the_folder_are_refused(tmp_path, parts, name):
    files, probe = parts
    with pytest.raises(BundleError, match=r"not allowed in a bundle"):
        write_bundle(tmp_path / "b", {**files, name: b"{}"}, probe=probe, info={})
    assert not (tmp_path / "b").exists()


def test_a_traversal_in_the_manifest_is_refused(folder, tmp_path):
    """Even when its digest is right."""
    (tmp_path / "secret.txt").write_bytes(b"secret")
    listing = Manifest(
        {}, {"../secret.txt": FileEntry.of(b"secret"), "probe.json": FileEntry(1, "")}, {}
    )
    (folder / "manifest.json").write_bytes(listing.to_bytes())
    with pytest.raises(BundleError, match=r"'../secret.txt' is not allowed"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.pickle", "model.JOBLIB", "model.skops", "model.py"]
)
def test_formats_that_run_code_are_refused_by_name(tmp_path, parts, name):
    files, probe = parts
    with pytest.raises(BundleError, match=r"runs code when it is loaded"):
        write_bundle(tmp_path / "b", {**files, name: b"x"}, probe=probe, info={})


class Boom:
    def __reduce__(self):
        return os.system, ("true",)


def pickles(tmp_path):
    joblib.dump(Boom(), tmp_path / "x.joblib")
    joblib.dump(Boom(), tmp_path / "x.z", compress=3)
    np.save(tmp_path / "x.npy", np.array([Boom()], dtype=object), allow_pickle=True)
    yield from (pickle.dumps(Boom(), protocol=p) for p in range(6))
    yield from ((tmp_path / n).read_bytes() for n in ("x.joblib", "x.z", "x.npy"))


def test_pickles_under_another_name_are_refused(tmp_path, parts):
    files, probe = parts
    for content in pickles(tmp_path):
        for name in ("a.txt", "a.json", "a.npy", "a.md"):
            with pytest.raises(BundleError, match=f"'{name}' is "):
                write_bundle(tmp_path / "b", {**files, name: content}, probe=probe, info={})


def test_plain_arrays_pass(tmp_path, parts):
    files, probe = parts
    np.save(tmp_path / "x.npy", np.arange(3))
    array = (tmp_path / "x.npy").read_bytes()
    folder = write_bundle(tmp_path / "b", {**files, "x.npy": array}, probe=probe, info={})
    assert open_bundle(folder).files["x.npy"] == array


@pytest.mark.parametrize(
    "content", [b'{"a": NaN}', b'{"a": Infinity}', b"{", b"\xff", b"[" * 100_000]
)
def test_json_files_are_strict_json(tmp_path, parts, content):
    files, probe = parts
    with pytest.raises(BundleError, match=r"'a.json' is not"):
        write_bundle(tmp_path / "b", {**files, "a.json": content}, probe=probe, info={})


def test_info_must_be_strict_json_and_small(tmp_path, parts):
    files, probe = parts
    with pytest.raises(BundleError, match=r"strict JSON"):
        write_bundle(tmp_path / "b", files, probe=probe, info={"auc": float("nan")})
    with pytest.raises(BundleError, match=r"Put long content into a file"):
        write_bundle(tmp_path / "b", files, probe=probe, info={"long": "x" * 2**20})


def test_sizes_are_limited_before_anything_is_read(folder):
    big = Manifest({}, {"a.txt": FileEntry(MAX_FILE_BYTES + 1, "")}, {})
    (folder / "manifest.json").write_bytes(big.to_bytes())
    with pytest.raises(BundleError, match=r"'a.txt' has \d+ bytes"):
        open_bundle(folder)
    (folder / "manifest.json").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(BundleError, match=r"manifest.json.*more than 1048576"):
        open_bundle(folder)


def test_another_schema_version_says_what_to_do(folder):
    raw = json.loads((folder / "manifest.json").read_bytes())
    raw["schema_version"] = 2
    (folder / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(BundleError, match=r"schema version 2; this nexttouch reads 1"):
        open_bundle(folder)


def test_a_probe_needs_rows_and_finite_answers(tmp_path, parts):
    files, _ = parts
    for probe in (
        Probe(("x",), np.zeros((0, 1)), ("p",), np.zeros((0, 1))),
        Probe(("x",), np.zeros((2, 2)), ("p",), np.zeros((2, 1))),
        Probe(("x",), np.full((1, 1), np.inf), ("p",), np.zeros((1, 1))),
        Probe(("x",), np.zeros((1, 1)), ("p",), np.full((1, 1), np.nan)),
    ):
        with pytest.raises(BundleError, match=r"[Pp]robe"):
            write_bundle(tmp_path / "b", files, probe=probe, info={})


def test_a_new_bundle_replaces_the_former(folder, parts):
    before = open_bundle(folder).digest
    rewrite(folder, parts, **{"card.md": b"# Card\n"})
    assert open_bundle(folder).digest != before
    assert [p.name for p in folder.parent.iterdir()] == ["bundle"]
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0o077 & ~current_umask()


def current_umask():
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_a_folder_that_is_no_bundle_is_not_replaced(tmp_path, parts):
    files, probe = parts
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.md").write_text("x")
    with pytest.raises(BundleError, match=r"exists and is no bundle"):
        write_bundle(tmp_path / "precious", files, probe=probe, info={})
    assert (tmp_path / "precious" / "thesis.md").read_text() == "x"


def test_folders_swap_also_where_the_system_cannot_exchange(tmp_path, monkeypatch):
    monkeypatch.setattr("nexttouch.bundle.swap._exchange", lambda *_: False)
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    move_into_place(tmp_path / "new", tmp_path / "old")
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*/*")) == [
        "new/old",
        "old/new",
    ]


def test_a_writer_killed_at_any_moment_leaves_a_whole_bundle(folder):
    """A process rewrites the bundle as fast as it can and is killed; what stays opens."""
    script = textwrap.dedent(
        """
        import sys, numpy as np
        from pathlib import Path
        from nexttouch.bundle import Probe, write_bundle
        probe = Probe(("x",), np.zeros((1, 1)), ("p",), np.zeros((1, 1)))
        print("go", flush=True)
        for i in range(10**6):
            files = {f"f{k}.txt": str(i).encode() for k in range(5)}
            write_bundle(Path(sys.argv[1]), files, probe=probe, info={"i": i})
        """
    )
    for delay in (0.0, 0.013, 0.057):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE
        )
        with child:
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
        open_bundle(folder)
