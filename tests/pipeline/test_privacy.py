"""What is stored about models names no customer."""

from __future__ import annotations

import re

PLANTED = (b"cust-9f3a", b"9007199254740993", "😀 smile".encode())
TRAINED = ("mlflow.db", "artifacts", "bundles", "candidate")


def hits(folder, needle):
    files = [folder] if folder.is_file() else [p for p in folder.rglob("*") if p.is_file()]
    escaped = needle.decode().encode("ascii", "backslashreplace")
    return [p.name for p in files if needle in p.read_bytes() or escaped in p.read_bytes()]


def test_no_customer_is_named_in_mlflow_or_a_bundle(finished):
    places = [finished.folder / "bundle", *(finished.folder / "state" / n for n in TRAINED)]
    journal = finished.folder / "state/mlflow.db-wal"
    for place in [*places, *([journal] if journal.exists() else [])]:
        for needle in PLANTED:
            assert hits(place, needle) == [], place


def test_the_planted_names_would_be_found(finished):
    """The scan has power: scores and worklist do hold the names."""
    for needle in PLANTED[:2]:
        assert hits(finished.folder / "state/nexttouch.db", needle)
        assert hits(finished.folder / "state/worklist", needle)


def test_the_secret_is_its_owners(finished):
    key = finished.folder / "state/policy.key"
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.read_bytes()) == 32
    everything = finished.folder / "state/artifacts"
    assert not hits_bytes(everything, key.read_bytes())


def hits_bytes(folder, needle):
    return [p for p in folder.rglob("*") if p.is_file() and needle in p.read_bytes()]


def test_artifacts_name_no_folder_of_this_machine(finished):
    """A card, figure or bundle can be passed on; only MLflow's own files know where they lie."""
    own = re.compile(r"^(MLmodel|registered_model_meta|meta\.yaml)$")
    for place in (finished.folder / "bundle", finished.folder / "state/artifacts"):
        found = hits_bytes(place, str(finished.folder).encode())
        assert [p.name for p in found if not own.match(p.name)] == []
