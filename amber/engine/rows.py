"""The rows of features as files: Arrow and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from amber.engine.ask import Feature


def as_arrow(features: "Sequence[Feature]") -> bytes:
    """One feature as it is stored; several as one Arrow IPC file with the asset in the first column."""
    if len(features) == 1:
        return features[0].data
    joined = _joined(features)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, joined.schema) as writer:
        writer.write_table(joined)
    return bytes(sink.getvalue().to_pybytes())


def as_csv(features: "Sequence[Feature]") -> bytes:
    """Rows with a header; lists and files are JSON in their cell. Several features have the asset in the first column."""
    table = features[0].table if len(features) == 1 else _joined(features)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_cell(value) for value in row.values()])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else value


def _joined(features: "Sequence[Feature]") -> pa.Table:
    tables = []
    for feature in features:
        assets = pa.array(["+".join(feature.trace.assets)] * feature.table.num_rows, pa.string())
        tables.append(feature.table.add_column(0, "asset", assets))
    return pa.concat_tables(tables)
