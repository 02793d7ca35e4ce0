"""Results to bytes and back: one Arrow IPC file whose bytes follow from the type and the values alone."""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from amber.algorithm import File
from amber.errors import BlobCorruptError, InvalidResultError, InvalidResultTypeError

_FILE = pa.struct([pa.field("sha256", pa.string(), False), pa.field("size_bytes", pa.int64(), False)])
_SCALARS: dict[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    File: _FILE,
}
_LIST_ITEMS: dict[type, pa.DataType] = {str: pa.string(), File: _FILE}

#: Stores a file that an algorithm wrote, and returns it with digest and size.
KeepFile = Callable[[File], File]
#: Finds a local copy of a stored file by its digest.
FindFile = Callable[[str], Path]


@dataclasses.dataclass(frozen=True)
class Column:
    """How a field of a result type is stored."""

    name: str
    #: "scalar", "list" (of strings or files) or "array".
    kind: str
    #: The Arrow type of a scalar or of one element.
    element: pa.DataType
    #: For an array: the NumPy dtype and the names or sizes of its axes, the shared one first.
    dtype: np.dtype[Any] | None = None
    axes: tuple[str, ...] = ()
    nullable: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it names files."""
        return self.element == _FILE


@functools.cache
def columns(result_type: type) -> tuple[Column, ...]:
    """How the fields of a result type are stored.

    Raises:
        InvalidResultTypeError: A field has a type that cannot be stored, or columns and scalars are mixed.
    """
    hints = get_type_hints(result_type, include_extras=True)
    fields = dataclasses.fields(result_type)
    found = tuple(_column(result_type, field.name, hints[field.name]) for field in fields)
    if len({column.kind == "scalar" for column in found}) > 1:
        raise InvalidResultTypeError(
            f"result type {result_type.__name__} mixes columns and scalars; "
            "a result is either columns that share their first axis, or scalars (one row)"
        )
    shared = {column.axes[0] for column in found if column.kind == "array"}
    if len(shared) > 1:
        raise InvalidResultTypeError(
            f"the columns of {result_type.__name__} must share their first axis; found {', '.join(sorted(shared))}"
        )
    return found


def _column(result_type: type, name: str, hint: Any) -> Column:
    where = f"field {name!r} of result type {result_type.__name__}"
    nullable = False
    if get_origin(hint) in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not types.NoneType]
        nullable = len(options) < len(get_args(hint))
        hint = options[0] if len(options) == 1 else hint
    if isinstance(hint, type) and hint in _SCALARS:
        return Column(name, "scalar", _SCALARS[hint], nullable=nullable)
    if get_origin(hint) is list and get_args(hint)[0] in _LIST_ITEMS:
        return Column(name, "list", _LIST_ITEMS[get_args(hint)[0]])
    names = {str(name).rstrip("_") for name in getattr(hint, "dtypes", ())}
    if len(names) == 1 and getattr(hint, "array_type", None) is np.ndarray and hint.dim_str.split():
        dtype = np.dtype(names.pop())
        return Column(name, "array", pa.from_numpy_dtype(dtype), dtype, tuple(hint.dim_str.split()))
    raise InvalidResultTypeError(
        f"{where} is {hint!r}; it must be an array with a dtype and axes (Int32[np.ndarray, ' shot']), "
        "list[str], list[File], or one of bool, int, float, str, File"
    )


def has_files(result_type: type) -> bool:
    """Whether values of the type name files."""
    return any(column.is_file for column in columns(result_type))


def encode(value: Any, result_type: type, keep: KeepFile | None = None) -> bytes:
    """The Arrow IPC file of a value.

    Args:
        value: An instance of `result_type`.
        result_type: A class declared with `@result`.
        keep: Called once for every file that the value hands over.

    Raises:
        InvalidResultError: The value does not have the declared type, dtypes or shapes.
    """
    if type(value) is not result_type:
        raise InvalidResultError(f"expected a {result_type.__name__}, found {type(value).__name__}")
    described = columns(result_type)
    axes: dict[str, tuple[int, str]] = {}
    arrays = [_encode_column(column, getattr(value, column.name), axes, keep) for column in described]
    lengths = {column.name: len(array) for column, array in zip(described, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        raise InvalidResultError(f"the columns of {result_type.__name__} have different lengths: {lengths}")
    schema = pa.schema(
        [
            pa.field(column.name, array.type, nullable=column.nullable)
            for column, array in zip(described, arrays, strict=True)
        ]
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _encode_column(
    column: Column, value: Any, axes: dict[str, tuple[int, str]], keep: KeepFile | None
) -> Any:
    if column.kind == "array":
        return _encode_array(column, value, axes)
    items = [value] if column.kind == "scalar" else list(value)
    if column.is_file:
        items = [_keep(column, item, keep) for item in items]
    try:
        return pa.array(items, type=column.element)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise InvalidResultError(f"field {column.name!r} cannot hold {value!r}: {error}") from error


def _keep(column: Column, item: Any, keep: KeepFile | None) -> Mapping[str, Any] | None:
    if item is None and column.nullable:
        return None
    if not isinstance(item, File):
        raise InvalidResultError(f"field {column.name!r} must hold a File; found {item!r}")
    kept = item if item.sha256 or keep is None else keep(item)
    return {"sha256": kept.sha256, "size_bytes": kept.size_bytes}


def _encode_array(column: Column, value: Any, axes: dict[str, tuple[int, str]]) -> Any:
    expected = f"{column.dtype} ({', '.join(column.axes)})"
    if not isinstance(value, np.ndarray) or value.dtype != column.dtype or value.ndim != len(column.axes):
        found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise InvalidResultError(f"field {column.name!r} must be {expected}; found {found}")
    for axis, size in zip(column.axes, value.shape, strict=True):
        known, where = (
            (int(axis), "its type") if axis.isdigit() else axes.setdefault(axis, (size, column.name))
        )
        if known != size:
            raise InvalidResultError(
                f"field {column.name!r} must be {expected}; axis {axis!r} is {size}, but {known} in {where}"
            )
    array = pa.array(np.ascontiguousarray(value).reshape(-1), type=column.element)
    for size in reversed(value.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size) if size else _empty_lists(array, value.shape)
    return array


def _empty_lists(array: Any, shape: tuple[int, ...]) -> Any:
    raise InvalidResultError(f"an axis behind the first must not be empty; found shape {shape}")


def table(data: bytes) -> pa.Table:
    """The table in an encoded value; columns of several axes are nested fixed-size lists.

    Raises:
        BlobCorruptError: The bytes are not an Arrow IPC file.
    """
    try:
        return pa.ipc.open_file(pa.py_buffer(data)).read_all()
    except pa.ArrowInvalid as error:
        raise BlobCorruptError(f"the value is not an Arrow IPC file: {error}") from error


def decode(data: pa.Table, result_type: type, find: FindFile) -> Any:
    """The typed value of a table; its arrays are read-only.

    Args:
        data: From `table`.
        result_type: The class it was encoded from.
        find: Gives the local path of a stored file; called once for every file.

    Raises:
        InvalidResultError: The table is not one of this type.
    """
    described = columns(result_type)
    if [column.name for column in described] != data.column_names:
        raise InvalidResultError(
            f"the stored table has columns {data.column_names}, "
            f"{result_type.__name__} has {[column.name for column in described]}; was the version not raised?"
        )
    return result_type(
        **{column.name: _decode_column(column, data.column(column.name), find) for column in described}
    )


def _decode_column(column: Column, chunked: pa.ChunkedArray, find: FindFile) -> Any:
    if column.kind == "array":
        return _decode_array(column, chunked.combine_chunks())
    items = chunked.to_pylist()
    if column.is_file:
        items = [item and File(find(item["sha256"]), item["sha256"], item["size_bytes"]) for item in items]
    return items[0] if column.kind == "scalar" else items


def _decode_array(column: Column, array: Any) -> np.ndarray[Any, Any]:
    shape = [len(array)]
    while pa.types.is_fixed_size_list(array.type):
        shape.append(array.type.list_size)
        array = array.flatten()
    flat = array.to_numpy(zero_copy_only=False)
    flat.flags.writeable = False
    return flat.reshape(shape)  # type: ignore[no-any-return]


def file_digests(data: pa.Table, result_type: type) -> list[str]:
    """The digests of the files that a value names."""
    found: list[str] = []
    for column in columns(result_type):
        if column.is_file:
            found += [item["sha256"] for item in data.column(column.name).to_pylist() if item]
    return found
