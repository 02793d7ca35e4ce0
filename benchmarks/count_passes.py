"""How often the main job opens and decodes the film, counted in a process of its own, as counting takes time too."""

import json
import sys
from pathlib import Path
from typing import Any

from amber import Amber
from benchmarks.subject import JOB


def main(film: Path, home: Path) -> None:
    """Run the cold job and print what was counted, as JSON."""
    opens: list[str] = []
    sys.addaudithook(
        lambda event, given: opens.append(event) if event == "open" and _is(film, given[0]) else None
    )
    decoded = _count_decoded_packets()
    with Amber.open(home) as amber:
        asset = amber.ingest(film)
        naming = len(opens)
        manifest = amber.get("standard", asset).value
        source = len(decoded)
        amber.get(JOB[1], asset)
        counted = {
            "opens_to_name": naming,
            "opens_to_compute": len(opens) - naming,
            "source_packets_decoded": source,
            "frames": int(manifest.frame_count),
        }
    print(json.dumps(counted))


def _is(film: Path, opened: object) -> bool:
    return isinstance(opened, str | bytes | Path) and str(film) in str(opened)


def _count_decoded_packets() -> list[int]:
    """A list that grows by each packet that jasper's one decoder takes."""
    from jasper.decode import VideoDecoder

    taken: list[int] = []
    decode = VideoDecoder.decode

    def counting(decoder: VideoDecoder, packet: Any, number: int) -> Any:
        taken.append(number)
        return decode(decoder, packet, number)

    VideoDecoder.decode = counting  # type: ignore[method-assign]
    return taken


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
