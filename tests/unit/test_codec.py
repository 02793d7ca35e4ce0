"""Results to bytes and back: the bytes follow from the type and the values alone."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from jaxtyping import Bool, Float16, Float32, Float64, Int16, Int32, Int64, UInt8, UInt64

from amber import codec
from amber.algorithm import File, result
from amber.errors import BlobCorruptError, InvalidResultError
from tests.unit.films import FineShots, Ranking, Shots


@result
class Everything:
    """A column of every kind."""

    start: Int32[np.ndarray, " shot"]
    vectors: Float32[np.ndarray, "shot 2"]
    masks: Bool[np.ndarray, "shot height width"]
    is_short: Bool[np.ndarray, " shot"]
    name: list[str]


@result
class Scalars:
    """A table of one row."""

    count: int
    rate: float
    is_colour: bool
    title: str
    encode: File
    proxy: File | None
    duration_seconds: float | None


@result
class Files:
    """A column of files."""

    still: list[File]


EVERYTHING = Everything(
    start=np.array([0, 10, 25], np.int32),
    vectors=np.array([[0.5, -1], [2, np.nan], [0, np.inf]], np.float32),
    masks=np.array([[[True, False]], [[False, False]], [[True, True]]]),
    is_short=np.array([False, True, False]),
    name=["first", "zweite «ß»", ""],
)
SCALARS = Scalars(3, 23.976, True, "Big Buck Bunny", File(Path("e.mp4"), "e" * 64, 12), None, None)
#: SHA-256 of EVERYTHING as this release writes it, with the pyarrow of constraints.txt.
EVERYTHING_SHA256 = "06710077d3cd666e04ae2b1986177552bf9fdf03438d9cb8a10c8e4f83788556"
SCALARS_SHA256 = "842ae49e56f7f8a3212b2d286e5872a093215f503064fecbc4649866abbd7c6c"


def read(data: bytes, result_type: type, find: Any = Path) -> Any:
    """The typed value of encoded bytes."""
    return codec.decode(codec.table(data), result_type, find)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal, field by field, dtypes and NaN included."""
    for field in dataclasses.fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            if left.dtype != right.dtype or not np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
                return False
        elif left != right:
            return False
    return True


def test_a_value_comes_back_as_it_was() -> None:
    found = read(codec.encode(EVERYTHING, Everything), Everything)
    assert type(found) is Everything
    assert same(found, EVERYTHING)


def test_scalars_and_files_come_back_as_they_were() -> None:
    found = read(codec.encode(SCALARS, Scalars), Scalars, lambda sha256: Path("/kept") / sha256)
    assert found.encode == File(Path("/kept") / ("e" * 64), "e" * 64, 12)
    assert dataclasses.replace(found, encode=SCALARS.encode).__dict__ == SCALARS.__dict__


def test_a_subclass_is_stored_with_all_its_fields() -> None:
    value = FineShots(start=np.array([4], np.int64), score=np.array([0.5], np.float32))
    data = codec.encode(value, FineShots)
    assert codec.table(data).column_names == ["start", "score"]
    found = read(data, FineShots)
    assert isinstance(found, Shots)
    assert same(found, value)


def test_methods_and_properties_are_no_columns() -> None:
    @result
    class Counted:
        start: Int64[np.ndarray, " shot"]

        @property
        def count(self) -> int:
            return len(self.start)

        def first(self) -> int:
            return int(self.start[0])

    found = read(codec.encode(Counted(start=np.array([7, 9])), Counted), Counted)
    assert (found.count, found.first()) == (2, 7)


def test_the_bytes_of_a_value_are_always_the_same() -> None:
    assert hashlib.sha256(codec.encode(EVERYTHING, Everything)).hexdigest() == EVERYTHING_SHA256
    assert hashlib.sha256(codec.encode(SCALARS, Scalars)).hexdigest() == SCALARS_SHA256


def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import hashlib, sys; from amber import codec; from tests.unit.test_codec import *;"
        "sys.stdout.write(hashlib.sha256(codec.encode(EVERYTHING, Everything)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == EVERYTHING_SHA256


def test_layout_in_memory_does_not_matter() -> None:
    big = np.asfortranarray(np.repeat(EVERYTHING.vectors, 2, axis=0))
    other = dataclasses.replace(EVERYTHING, vectors=big[::2], name=tuple(EVERYTHING.name))
    assert codec.encode(other, Everything) == codec.encode(EVERYTHING, Everything)


def test_the_file_says_nothing_but_names_types_and_values() -> None:
    table = codec.table(codec.encode(EVERYTHING, Everything))
    assert table.schema.metadata is None
    assert [field.metadata for field in table.schema] == [None] * 5
    assert [str(field.type) for field in table.schema] == [
        "int32",
        "fixed_size_list<item: float>[2]",
        "fixed_size_list<item: fixed_size_list<item: bool>[2]>[1]",
        "bool",
        "string",
    ]
    assert not any(field.nullable for field in table.schema)


def test_an_empty_result_is_a_table_of_no_rows() -> None:
    empty = Everything(
        start=np.zeros(0, np.int32),
        vectors=np.zeros((0, 2), np.float32),
        masks=np.zeros((0, 4, 3), bool),
        is_short=np.zeros(0, bool),
        name=[],
    )
    data = codec.encode(empty, Everything)
    assert codec.table(data).num_rows == 0
    found = read(data, Everything)
    assert same(found, empty)
    assert found.masks.shape == (0, 4, 3)


def test_arrays_that_come_back_are_read_only() -> None:
    found = read(codec.encode(EVERYTHING, Everything), Everything)
    for array in (found.start, found.vectors, found.masks, found.is_short):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


DTYPES = {
    "Float16": (Float16, np.float16),
    "Float64": (Float64, np.float64),
    "Int16": (Int16, np.int16),
    "UInt8": (UInt8, np.uint8),
    "UInt64": (UInt64, np.uint64),
}


@pytest.mark.parametrize("name", DTYPES)
def test_every_width_of_number_comes_back(name: str) -> None:
    annotation, dtype = DTYPES[name]

    @result
    class Numbers:
        value: annotation[np.ndarray, " n"]  # type: ignore[valid-type]

    values = np.array([0, 1, 100], dtype)
    found = read(codec.encode(Numbers(value=values), Numbers), Numbers)
    assert found.value.dtype == dtype
    assert found.value.tolist() == [0, 1, 100]


@result
class Cube:
    """Three axes."""

    cells: Float32[np.ndarray, "n a b"]


sizes = st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(1, 4))


@settings(deadline=None)
@given(arrays.arrays(np.float32, sizes))
def test_any_array_comes_back_bit_by_bit(cells: Any) -> None:
    found = read(codec.encode(Cube(cells=cells), Cube), Cube)
    assert found.cells.shape == cells.shape
    assert found.cells.tobytes() == np.ascontiguousarray(cells).tobytes()


# What other programs see


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The stored file of EVERYTHING."""
    path = tmp_path / "value"
    path.write_bytes(codec.encode(EVERYTHING, Everything))
    return path


def test_pandas_reads_the_file_as_it_is(stored: Path) -> None:
    frame = pd.read_feather(stored)
    assert frame["start"].tolist() == [0, 10, 25]
    assert frame["vectors"][0].tolist() == [0.5, -1.0]
    assert frame["name"].tolist() == EVERYTHING.name


def test_polars_reads_the_file_as_it_is(stored: Path) -> None:
    frame = pl.read_ipc(stored)
    assert frame["start"].to_list() == [0, 10, 25]
    assert frame["masks"].to_list() == EVERYTHING.masks.tolist()
    assert frame["is_short"].to_list() == [False, True, False]


def test_pyarrow_reads_the_file_as_it_is(stored: Path) -> None:
    with pa.OSFile(str(stored)) as file:
        table = pa.ipc.open_file(file).read_all()
    assert table.column("start").to_pylist() == [0, 10, 25]
    table.validate(full=True)


def test_duckdb_reads_the_table_as_it_is(stored: Path) -> None:
    value = codec.table(stored.read_bytes())  # DuckDB finds it by this name
    found = duckdb.sql("select name, start, vectors[2] from value where not is_short").fetchall()
    assert found == [("first", 0, -1.0), ("", 25, float("inf"))]
    assert value.num_rows == 3


# What is refused


def changed(**fields: Any) -> Everything:
    """EVERYTHING with other fields."""
    return dataclasses.replace(EVERYTHING, **fields)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            changed(start=np.zeros(3, np.int64)),
            "field 'start' must be int32 (shot); found int64 (3,)",
        ),
        (
            changed(start=np.zeros(3, ">i4")),
            "field 'start' must be int32 (shot); found >i4 (3,)",
        ),
        (
            changed(start=[0, 10, 25]),
            "field 'start' must be int32 (shot); found list",
        ),
        (
            changed(vectors=np.zeros(3, np.float32)),
            "field 'vectors' must be float32 (shot, 2); found float32 (3,)",
        ),
        (
            changed(vectors=np.zeros((3, 4), np.float32)),
            "field 'vectors' must be float32 (shot, 2); axis '2' is 4, but 2 in its type",
        ),
        (
            changed(vectors=np.zeros((4, 2), np.float32)),
            "field 'vectors' must be float32 (shot, 2); axis 'shot' is 4, but 3 in start",
        ),
        (
            changed(masks=np.zeros((3, 0, 2), bool)),
            "field 'masks' must be bool (shot, height, width); only the first axis may be empty, found shape (3, 0, 2)",
        ),
        (
            changed(name=["one", "two"]),
            (
                "the columns of Everything have different lengths: {'start': 3, 'vectors': 3, 'masks': 3, "
                "'is_short': 3, 'name': 2}"
            ),
        ),
        (changed(name="abc"), "field 'name' must be a list; found str"),
        (changed(name=["one", None, "two"]), "field 'name' must hold str; found None"),
        (changed(name=["one", b"two", "three"]), "field 'name' must hold str; found b'two'"),
    ],
)
def test_an_array_that_its_type_does_not_allow_is_refused_with_both_shapes(
    value: Everything, sentence: str
) -> None:
    with pytest.raises(InvalidResultError) as caught:
        codec.encode(value, Everything)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"count": 3.7}, "field 'count' must hold int; found 3.7"),
        ({"count": True}, "field 'count' must hold int; found True"),
        ({"count": None}, "field 'count' must hold int; found None"),
        ({"count": 2**63}, "field 'count' cannot hold 9223372036854775808"),
        ({"rate": False}, "field 'rate' must hold float; found False"),
        ({"rate": "1"}, "field 'rate' must hold float; found '1'"),
        ({"is_colour": 1}, "field 'is_colour' must hold bool; found 1"),
        ({"title": b"Bunny"}, "field 'title' must hold str; found b'Bunny'"),
        ({"title": "\udcff"}, "field 'title' cannot hold"),
        ({"encode": None}, "field 'encode' must hold File; found None"),
        ({"encode": "e.mp4"}, "field 'encode' must hold File; found 'e.mp4'"),
        ({"encode": File(Path("e.mp4"))}, "field 'encode' names the file e.mp4, which was not stored"),
    ],
)
def test_a_scalar_that_its_type_does_not_allow_is_refused_not_bent(
    fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidResultError) as caught:
        codec.encode(dataclasses.replace(SCALARS, **fields), Scalars)
    assert str(caught.value).startswith(sentence)


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = dataclasses.replace(SCALARS, count=np.int32(3), rate=np.float64(23.976), is_colour=np.True_)
    assert codec.encode(numpy, Scalars) == codec.encode(SCALARS, Scalars)


def test_only_exactly_the_declared_type_is_stored() -> None:
    fine = FineShots(start=np.zeros(1, np.int64), score=np.zeros(1, np.float32))
    with pytest.raises(InvalidResultError, match="expected a Shots, found FineShots"):
        codec.encode(fine, Shots)
    with pytest.raises(InvalidResultError, match="expected a Shots, found NoneType"):
        codec.encode(None, Shots)


# Files


def test_every_file_is_told_once_and_named_by_its_digest(tmp_path: Path) -> None:
    kept: list[Path] = []

    def keep(file: File) -> File:
        kept.append(file.path)
        if file.sha256:
            return file
        return File(file.path, hashlib.sha256(file.path.name.encode()).hexdigest(), 5)

    value = Files(still=[File.at(tmp_path / "a"), File(tmp_path / "b", "b" * 64, 9)])
    data = codec.encode(value, Files, keep)
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # printf a | sha256sum
    assert kept == [tmp_path / "a", tmp_path / "b"]
    assert codec.file_digests(codec.table(data), Files) == [digest, "b" * 64]
    assert read(data, Files).still == [File(Path(digest), digest, 5), File(Path("b" * 64), "b" * 64, 9)]


def test_a_file_that_is_none_names_nothing() -> None:
    data = codec.encode(SCALARS, Scalars)
    assert codec.file_digests(codec.table(data), Scalars) == ["e" * 64]
    assert codec.has_files(Scalars)
    assert not codec.has_files(Everything)


# Reading what is no value of the type


def test_bytes_that_are_no_arrow_file_are_corrupt() -> None:
    data = codec.encode(EVERYTHING, Everything)
    for damaged in (b"", b"no table", data[:100], data[: len(data) // 2]):
        with pytest.raises(BlobCorruptError, match="the value is not an Arrow IPC file"):
            codec.table(damaged)


@result
class OtherColumns:
    """As Ranking, but by another name."""

    rank: Int64[np.ndarray, " title"]


@result
class OtherDtype:
    """As Ranking, but smaller."""

    place: Int32[np.ndarray, " title"]


@result
class OtherSize:
    """As Cube, but of a fixed size."""

    cells: Float32[np.ndarray, "n 3 3"]


def test_a_table_of_another_type_is_refused_with_both_types() -> None:
    ranking = codec.table(codec.encode(Ranking(place=np.zeros(2, np.int64)), Ranking))
    sentence = r"the stored table \(place: int64; 2 rows\) is no OtherDtype \(place: int32 title\); was the type changed"
    with pytest.raises(InvalidResultError, match=sentence):
        codec.decode(ranking, OtherDtype, Path)
    with pytest.raises(InvalidResultError, match=r"is no OtherColumns \(rank: int64 title\)"):
        codec.decode(ranking, OtherColumns, Path)
    cube = codec.table(codec.encode(Cube(cells=np.zeros((1, 2, 3), np.float32)), Cube))
    with pytest.raises(InvalidResultError, match=r"is no OtherSize \(cells: float32 n × 3 × 3\)"):
        codec.decode(cube, OtherSize, Path)
    with pytest.raises(InvalidResultError, match="0 rows"):
        codec.decode(codec.table(codec.encode(SCALARS, Scalars)).slice(0, 0), Scalars, Path)
