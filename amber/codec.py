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
#: What a scalar may be; Arrow itself would cut 3.7 to 3 and take bytes for a text.
_HOLDS: dict[pa.DataType, tuple[type, ...]] = {
    pa.bool_(): (bool, np.bool_),
    pa.int64(): (int, np.integer),
    pa.float64(): (float, int, np.floating, np.integer),
    pa.string(): (str,),
    _FILE: (File,),
}

#: Stores a file that an algorithm wrote, unless it is stored already, and returns it with digest and size.
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
        return bool(self.element == _FILE)


@functools.cache
def columns(result_type: type) -> tuple[Column, ...]:
    """How the fields of a result type are stored.

    Raises:
        InvalidResultTypeError: A field has a type that cannot be stored, or columns and scalars are mixed.
    """
    try:
        hints = get_type_hints(result_type, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise InvalidResultTypeError(
            f"the types of {result_type.__name__}'s fields cannot be found: {error}; "
            "they must be names of its module, not of a function or of `if TYPE_CHECKING`"
        ) from error
    fields = dataclasses.fields(result_type)
    computed = [field.name for field in fields if not field.init]
    if computed:
        raise InvalidResultTypeError(
            f"field {computed[0]!r} of result type {result_type.__name__} cannot be given when it is read back; "
            "make it a property"
        )
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
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    given = [option for option in options if option is not types.NoneType]
    nullable = len(given) < len(options)
    if len(given) == 1 and isinstance(given[0], type) and given[0] in _SCALARS:
        return Column(name, "scalar", _SCALARS[given[0]], nullable=nullable)
    if get_origin(hint) is list and get_args(hint)[0] in _LIST_ITEMS:
        return Column(name, "list", _LIST_ITEMS[get_args(hint)[0]])
    column = _array_column(name, hint)
    if column is not None:
        return column
    raise InvalidResultTypeError(
        f"field {name!r} of result type {result_type.__name__} is {hint!r}; it must be an array with one dtype and "
        "named or sized axes (Int32[np.ndarray, ' shot']), list[str], list[File], or one of bool, int, float, str, "
        "File (or one of these five or None)"
    )


def _array_column(name: str, hint: Any) -> Column | None:
    """The column of a jaxtyping array of one dtype that Arrow has; None for anything else."""
    dtypes = {str(dtype).rstrip("_") for dtype in getattr(hint, "dtypes", ())}
    axes = tuple(getattr(hint, "dim_str", "").split())
    plain = all(axis.isdigit() or (axis.isidentifier() and not axis.startswith("_")) for axis in axes)
    if len(dtypes) != 1 or not axes or not plain or getattr(hint, "array_type", None) is not np.ndarray:
        return None
    try:
        dtype = np.dtype(dtypes.pop())
        return Column(name, "array", pa.from_numpy_dtype(dtype), dtype, axes)
    except (TypeError, pa.ArrowNotImplementedError):
        return None


def has_files(result_type: type) -> bool:
    """Whether values of the type name files."""
    return any(column.is_file for column in columns(result_type))


def encode(value: Any, result_type: type, keep: KeepFile | None = None) -> bytes:
    """The Arrow IPC file of a value.

    Args:
        value: An instance of `result_type`.
        result_type: A class declared with `@result`.
        keep: Called once for every file that the value names: new ones, and stored ones that an input handed on.

    Raises:
        InvalidResultError: The value does not have the declared type, dtypes or shapes.
    """
    described = columns(result_type)
    if type(value) is not result_type:
        raise InvalidResultError(f"expected a {result_type.__name__}, found {type(value).__name__}")
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
    if column.kind == "list" and not isinstance(value, list | tuple):
        raise InvalidResultError(f"field {column.name!r} must be a list; found {type(value).__name__}")
    items = [value] if column.kind == "scalar" else list(value)
    for item in items:
        _check_item(column, item)
    if column.is_file:
        items = [item and _keep(column, item, keep) for item in items]
    try:
        return pa.array(items, type=column.element)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise InvalidResultError(f"field {column.name!r} cannot hold {value!r}: {error}") from error


def _check_item(column: Column, item: Any) -> None:
    if item is None and column.nullable:
        return
    allowed = _HOLDS[column.element]
    if not isinstance(item, allowed) or (isinstance(item, bool) and bool not in allowed):
        raise InvalidResultError(f"field {column.name!r} must hold {allowed[0].__name__}; found {item!r}")


def _keep(column: Column, file: File, keep: KeepFile | None) -> Mapping[str, Any]:
    kept = file if keep is None else keep(file)
    if not kept.sha256:
        raise InvalidResultError(f"field {column.name!r} names the file {file.path}, which was not stored")
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
    if 0 in value.shape[1:]:
        raise InvalidResultError(
            f"field {column.name!r} must be {expected}; only the first axis may be empty, found shape {value.shape}"
        )
    array = pa.array(np.ascontiguousarray(value).reshape(-1), type=column.element)
    for size in reversed(value.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def table(data: bytes) -> pa.Table:
    """The table in an encoded value; columns of several axes are nested fixed-size lists.

    Raises:
        BlobCorruptError: The bytes are not an Arrow IPC file.
    """
    try:
        return pa.ipc.open_file(pa.py_buffer(data)).read_all()
    except (pa.ArrowException, OSError) as error:
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
    fits = [column.name for column in described] == data.column_names and all(
        _is_stored_as(column, data.schema.field(column.name).type) for column in described
    )
    if not fits or (described[0].kind == "scalar" and data.num_rows != 1):
        stored = ", ".join(f"{field.name}: {field.type}" for field in data.schema)
        raise InvalidResultError(
            f"the stored table ({stored}; {data.num_rows} rows) is no {result_type.__name__} "
            f"({', '.join(map(_described, described))}); was the type changed, and the version not raised?"
        )
    return result_type(
        **{column.name: _decode_column(column, data.column(column.name), find) for column in described}
    )


def _described(column: Column) -> str:
    return f"{column.name}: {column.dtype or column.element} {' × '.join(column.axes)}".rstrip()


def _is_stored_as(column: Column, stored: pa.DataType) -> bool:
    """Whether values of the column have that Arrow type."""
    for axis in column.axes[1:]:
        if not pa.types.is_fixed_size_list(stored) or (axis.isdigit() and int(axis) != stored.list_size):
            return False
        stored = stored.value_type
    return bool(stored.equals(column.element))


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
