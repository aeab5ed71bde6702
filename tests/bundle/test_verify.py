"""A bundle that loads wrongly takes only a child process with it, and is never silent."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from nexttouch.bundle import load_entry_point, open_bundle, verify_in_child, write_bundle
from nexttouch.errors import BundleError


def cut(text: str) -> str:
    return text[: len(text) // 2]


def without_a_tree(text: str) -> str:
    start, end = text.index("Tree=3"), text.index("Tree=4")
    return text[:start] + text[end:]


def cyclic(text: str) -> str:
    """Let the first tree's root be its own child, keeping the length."""
    return re.sub(r"left_child=\d", "left_child=0", text, count=1)


def one_leaf_digit(text: str) -> str:
    at = text.index("leaf_value=") + len("leaf_value=") + 4
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


def one_threshold_digit(text: str) -> str:
    at = text.index("threshold=") + len("threshold=") + 3
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


def random_digits(text: str) -> str:
    at = text.index("split_feature=") + len("split_feature=")
    return text[:at] + "9" + text[at + 1 :]


DAMAGES = {
    f.__name__: f
    for f in (cut, without_a_tree, cyclic, one_leaf_digit, one_threshold_digit, random_digits)
}


def refusal(folder, entry, **limits):
    try:
        verify_in_child(folder, entry=entry, **{"timeout_s": 9, "memory_mb": 4096, **limits})
    except BundleError as error:
        return str(error)
    return "accepted"


def test_a_good_bundle_gives_its_bytes_and_chatter_does_no_harm(folder, entry):
    bundle = verify_in_child(folder, entry=f"{entry}:predict")
    assert bundle.digest == open_bundle(folder).digest
    assert verify_in_child(folder, entry=f"{entry}:talk").digest == bundle.digest


def test_damaged_models_with_right_hashes_are_refused(tmp_path, parts, entry):
    """The manifest is written anew for each, so only loading and probing can tell."""
    files, probe = parts
    text = files["models/churn.txt"].decode()

    def attempt(name):
        bad = {**files, "models/churn.txt": DAMAGES[name](text).encode()}
        assert bad != files
        folder = write_bundle(tmp_path / name, bad, probe=probe, info={})
        return refusal(folder, f"{entry}:predict")

    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(DAMAGES, pool.map(attempt, DAMAGES), strict=True))
    assert "accepted" not in said.values(), said
    assert "within 9 CPU seconds" in said["cyclic"]
    assert "died of signal SIG" in said["cut"]
    assert "Probe row" in said["one_leaf_digit"]


def test_swapped_columns_are_refused(tmp_path, parts, entry):
    files, probe = parts
    swapped = files["columns.json"].replace(b'"x0", "x1"', b'"x1", "x0"')
    folder = write_bundle(tmp_path / "b", {**files, "columns.json": swapped}, probe=probe, info={})
    assert "gives p_churn" in refusal(folder, f"{entry}:predict")


def test_hangs_crashes_and_hogs_are_clean_errors(folder, entry):
    asked = {
        "sleep": {"timeout_s": 1},
        "spin": {"timeout_s": 6},
        "hog": {"memory_mb": 1024},
        "abort": {},
        "missing": {},
    }
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda n: refusal(folder, f"{entry}:{n}", **asked[n]), asked)
        said = dict(zip(asked, answers, strict=True))
    assert "did not finish within 1 CPU seconds" in said["sleep"]
    assert "did not finish within 6 CPU seconds" in said["spin"]
    assert "MemoryError" in said["hog"]
    assert "died of signal SIGABRT" in said["abort"]
    assert "bundle_entry:missing' does not exist" in said["missing"]


def test_damage_on_disk_is_found_before_a_child_is_started(folder, monkeypatch):
    (folder / "models" / "churn.txt").write_bytes(b"")
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a child was started"))
    with pytest.raises(BundleError, match=r"models/churn.txt"):
        verify_in_child(folder)


@pytest.mark.parametrize("entry", ["os.system", "a b:c", "a:b()", ":b", "a:", "../a:b"])
def test_malformed_entry_points_are_refused(entry):
    with pytest.raises(BundleError, match=r"is not an entry point"):
        load_entry_point(entry)


def test_entry_points_from_files_stay_in_the_package():
    with pytest.raises(BundleError, match=r"not part of nexttouch"):
        load_entry_point("nexttouch_evil.os:system", within="nexttouch")
