"""What does an answer cost that is stored already: to a fresh process, and to one that has asked before?

Beside it, in the same run: joblib.Memory with the same rows, and the imports that no answer can do without.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import joblib

from benchmarks.measure import Answer, Runs, Wanted, per_call, spend
from benchmarks.subject import AMBER, JOB, arguments, computed, progress, the_film

_OURS, _PEER = "amber get match_pairs --json, fresh process", "joblib.Memory, fresh process"
_FLOOR, _BARE = 'python -c "import sqlalchemy, pyarrow"', 'python -c "pass"'
_IN_PROCESS, _BY_NAME = "Amber.get(algorithm, asset), one process", "Amber.get(algorithm, title), one process"
_PEER_IN_PROCESS = "joblib.Memory, one process"

#: The peer: a function of what the key holds, whose result was pickled by an earlier run.
_PEER_PROGRAM = """
import sys
from joblib import Memory
folder, rows, *key = sys.argv[1:]
memory = Memory(folder, verbose=0)
@memory.cache(ignore=["rows"])
def match_pairs(asset, version, min_cosine, depth, rows):
    import json
    return json.load(open(rows))
import json
print(json.dumps(match_pairs(*key, 0.9, 1000, rows=rows)))
"""


def measure(film: Path, rounds: int, home: Path) -> Answer:
    """Warm answers beside joblib's; the film's pairs are computed first if they are not there."""
    runs = Runs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amber-bench-")))
        amber, asset, feature = stack.enter_context(computed(home, film))
        rows, program = folder / "rows.json", folder / "peer.py"
        variables = {"AMBER_HOME": str(home)}
        rows.write_text(spend([AMBER, *JOB, asset.asset, "--json"], variables).out)
        program.write_text(_PEER_PROGRAM)
        peer = [sys.executable, program, folder / "joblib", rows, asset.asset, feature.trace.version]
        spend(peer)
        ours = {
            _IN_PROCESS: lambda: amber.get(JOB[1], asset),
            _BY_NAME: lambda: amber.get(JOB[1], asset.title),
            _PEER_IN_PROCESS: _joblib(folder / "in-process", asset.asset, feature.value),
        }
        for number in range(rounds):
            progress("warm_ask", f"round {number + 1} of {rounds}")
            runs.note(_OURS, "s", spend([AMBER, *JOB, asset.asset, "--json"], variables).wall_seconds)
            runs.note(_PEER, "s", spend(peer).wall_seconds)
            runs.note(_FLOOR, "s", spend([sys.executable, "-c", "import sqlalchemy, pyarrow"]).wall_seconds)
            runs.note(_BARE, "s", spend([sys.executable, "-c", "pass"]).wall_seconds)
            for what, call in ours.items():
                runs.note(what, "ms", per_call(call))
    return Answer(
        name="warm_ask",
        question=(__doc__ or "").strip(),
        command="python -m benchmarks.warm_ask",
        rows=runs.rows(),
        wanted=(
            Wanted("a fresh process", "s", 0.4, runs.median(_OURS)),
            Wanted("one process", "ms", 0.2e-3, runs.median(_IN_PROCESS)),
        ),
        notes=(
            (
                f"The answer has {len(feature.value.score)} pairs, {len(feature.data) / 1e3:.0f} kB of Arrow; "
                f"one process asks joblib {runs.ratio(_PEER_IN_PROCESS, _IN_PROCESS):.1f} times as long as Amber."
            ),
        ),
    )


def _joblib(folder: Path, asset: str, value: object) -> Callable[[], object]:
    """A warm call of a function that joblib memoizes."""

    def match_pairs(asset: str, version: str, min_cosine: float, depth: int) -> object:
        return value

    memory = joblib.Memory(folder, verbose=0)
    cached = memory.cache(match_pairs)
    cached(asset, "1", 0.9, 1000)
    return lambda: cached(asset, "1", 0.9, 1000)


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as temporary:
        home = given.home or Path(temporary) / "home"
        print(measure(the_film(given.film), max(given.rounds, 5), home).markdown())
