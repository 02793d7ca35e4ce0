"""Values that are not on this machine are answered from copies, which go when nobody holds them."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from amber import codec
from amber.algorithm import result
from amber.service.representations import Page, Representations
from amber.store.copies import Copies
from amber.store.object_places import open_objects
from amber.store.objects import ObjectBlobs
from amber.testing.rows import feature


@result
class Numbers:
    """Some rows."""

    number: Int64[np.ndarray, " row"]


def test_a_value_among_objects_is_answered_as_json_and_csv(tmp_path: Path) -> None:
    with closing(ObjectBlobs(open_objects("memory://"), "memory://", Copies(tmp_path, 1 << 20))) as blobs:
        data = codec.encode(Numbers(np.array([7, 8])), Numbers, lambda file: file)
        trace = replace(feature("a").trace, value=blobs.put(data))
        made = Representations(blobs)
        body = json.loads(made.encoded(trace, "json", Page(), {}).body)
        assert body["rows"] == [{"number": 7}, {"number": 8}]
        assert (
            b"".join(chunk.encode() if isinstance(chunk, str) else chunk for chunk in made.csv_chunks(trace))
            == b"number\n7\n8\n"
        )
