"""How often the main job opens and decodes the film, counted in a process of its own, as counting takes time too."""

import json
import sys
import tempfile
from pathlib import Path

from amber import Amber
from benchmarks.subject import JOB
from jasper import sandbox


def main(film: Path, home: Path) -> None:
    """Run the cold job and print what was counted, as JSON."""
    own_opens: list[str] = []
    sys.addaudithook(
        lambda event, given: (
            own_opens.append(event) if event == "open" and str(film) in str(given[0]) else None
        )
    )
    with tempfile.TemporaryDirectory() as folder, Amber.open(home) as amber:
        counts = Path(folder) / "counts"
        command = (sys.executable, "-P", "-m", "benchmarks.counting_worker", str(film), str(counts))
        sandbox.shared = sandbox.Sandbox(command=command)
        asset = amber.ingest(film)
        naming = json.loads(counts.read_text())
        manifest = amber.get("standard", asset).value
        made = json.loads(counts.read_text())
        amber.get(JOB[1], asset)
        whole = json.loads(counts.read_text())
        sandbox.shared.close()
    print(
        json.dumps(
            {
                "opens_to_name": naming["opens"],
                "opens_to_compute": whole["opens"] - naming["opens"] + len(own_opens),
                "source_packets_decoded": made["packets"],
                "frames": int(manifest.frame_count),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
