"""A sandbox worker that counts how often it opens and decodes the film, and notes it in a file after each answer."""

import json
import sys
from pathlib import Path
from typing import Any

from jasper import worker
from jasper.decode import VideoDecoder


def main(film: str, counts: Path, lifeline: int, arrays_file: int) -> None:
    """Be a worker that counts."""
    opens: list[str] = []
    sys.addaudithook(
        lambda event, given: opens.append(event) if event == "open" and film in str(given[0]) else None
    )
    decoded = _count_decoded_packets()
    answer = worker._answer

    def noting(*given: Any) -> bytes:
        line = answer(*given)
        counts.write_text(json.dumps({"opens": len(opens), "packets": len(decoded)}))
        return line

    worker._answer = noting
    worker.main(lifeline, arrays_file)


def _count_decoded_packets() -> list[int]:
    """A list that grows by each packet that jasper's one decoder takes."""
    taken: list[int] = []
    decode = VideoDecoder.decode

    def counting(decoder: VideoDecoder, packet: Any, number: int) -> Any:
        taken.append(number)
        return decode(decoder, packet, number)

    VideoDecoder.decode = counting  # type: ignore[method-assign]
    return taken


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
