"""The constants of a frozen TensorFlow graph, read without TensorFlow."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

#: Message → field → (number, kind); what is not named here is passed over.
_MESSAGES = {
    "Size": {"size": (1, "int64")},
    "Shape": {"dim": (2, "Size*")},
    "Tensor": {"shape": (2, "Shape"), "content": (4, "bytes"), "floats": (5, "float*")},
    "Value": {"tensor": (8, "Tensor")},
    "Attribute": {"key": (1, "string"), "value": (2, "Value")},
    "Node": {"name": (1, "string"), "op": (2, "string"), "attributes": (5, "Attribute*")},
    "Graph": {"nodes": (1, "Node*")},
}


def constants(path: Path) -> Mapping[str, Float32[np.ndarray, "..."]]:
    """The float constants of a graph by the name of their node.

    Raises:
        ValueError: The file is no graph.
    """
    from google.protobuf.message import DecodeError

    try:
        graph = _graph_class().FromString(path.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{str(path)!r} is no TensorFlow graph: {error}") from error
    found = {}
    for node in graph.nodes:
        tensor = next((a.value.tensor for a in node.attributes if a.key == "value"), None)
        if node.op == "Const" and tensor is not None and (tensor.content or tensor.floats):
            shape = [dim.size for dim in tensor.shape.dim]
            count = int(np.prod(shape, dtype=np.int64))
            if len(tensor.content) == 4 * count:
                found[node.name] = np.frombuffer(tensor.content, "<f4").reshape(shape)
            elif len(tensor.floats) in (1, count):
                found[node.name] = np.resize(np.array(tensor.floats, np.float32), shape)
    return found


@cache
def _graph_class() -> Any:
    """The class of a graph message."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="amber/frozen_graph.proto", package="amber_frozen_graph", syntax="proto3"
    )
    types = descriptor_pb2.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        made = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            single = kind.rstrip("*")
            label = types.LABEL_REPEATED if kind.endswith("*") else types.LABEL_OPTIONAL
            if single in _MESSAGES:
                made.field.add(
                    name=name,
                    number=number,
                    label=label,
                    type=types.TYPE_MESSAGE,
                    type_name=f".amber_frozen_graph.{single}",
                )
            else:
                made.field.add(
                    name=name, number=number, label=label, type=getattr(types, f"TYPE_{single.upper()}")
                )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("amber_frozen_graph.Graph"))
