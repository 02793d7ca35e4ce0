"""How much disk does a film take, beside the source?"""

import tempfile
from pathlib import Path

from amber.algorithm import File
from benchmarks.measure import Answer, Row
from benchmarks.subject import arguments, computed, the_film


def measure(film: Path, home: Path) -> Answer:
    """The bytes of a home by kind; the film's pairs are computed first if they are not there."""
    with computed(home, film) as (amber, asset, _):
        traces = amber.features(asset)
        manifest = amber.get("standard", asset).value
        kinds: dict[str, int] = {}
        seen: set[str] = set()
        for name, file in vars(manifest).items():
            if isinstance(file, File):  # files of equal bytes are one blob
                kinds[f"standard: {name}"] = 0 if file.sha256 in seen else file.size_bytes
                seen.add(file.sha256)
        for trace in traces:
            kinds[f"value of {trace.algorithm}"] = trace.value.size_bytes
    kinds["catalogue, with its log"] = sum(path.stat().st_size for path in home.glob("catalog.sqlite*"))
    source = film.stat().st_size
    total = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    other = total - sum(kinds.values())
    rows = [Row("the source", "MB", (source,)), Row("the home in all", "MB", (total,))]
    rows += [Row(what, "MB", (size,)) for what, size in sorted(kinds.items(), key=lambda kind: -kind[1])]
    rows += [Row("anything else", "MB", (other,)), Row("the home ÷ the source", "×", (total / source,))]
    rows.append(
        Row("the home without the encode ÷ the source", "×", ((total - kinds["standard: encode"]) / source,))
    )
    return Answer("disk", (__doc__ or "").strip(), "python -m benchmarks.disk", tuple(rows))


if __name__ == "__main__":
    given = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="amber-bench-") as temporary:
        print(measure(the_film(given.film), given.home or Path(temporary) / "home").markdown())
