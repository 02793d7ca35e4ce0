"""Times two stages over some films, one stage after the other and both at once; a program of its own, for a cluster of its own.

python -m tests.cluster.overlapping ADDRESS FOLDER
"""

import json
import sys
import time
from pathlib import Path

from amber.client import Amber
from amber.settings import Settings
from amber.store.backfills import Wish

STAGES = Path(__file__).with_name("stages.py")


def measure(address: str, folder: Path) -> dict[str, float]:
    """Wall seconds of both ways; the films are in `folder`, the first one only wakes everybody up."""
    films = sorted(folder.glob("*.mp4"))
    taken = {}
    for name, stages in (("apart", ("decoded", "modelled")), ("overlapping", ("modelled",))):
        home = folder / name
        settings = Settings(home, algorithms=(str(STAGES),), executor="ray", ray_address=address)
        with Amber.open(settings=settings) as amber:
            assets = [amber.ingest(film).asset for film in films]
            amber.get("modelled", assets[0])
            began = time.monotonic()
            for stage in stages:
                begun = amber.backfills.start(Wish(stage), assets[1:], concurrency=6)
                ended = amber.backfills.finish(begun.id)
                assert ended.counts == {"ready": len(assets) - 1}, ended
            taken[name] = time.monotonic() - began
    return taken


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
