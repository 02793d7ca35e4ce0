"""Mutation fuzzing of probing and hashing: damaged films go through the sandbox, and nothing untyped may come out.

`make fuzz` runs it; docs/how-to/fuzz.md says how its findings are read.
"""

import argparse
import collections
import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jasper.errors import (
    DecoderCrashedError,
    DecoderStoppedError,
    DecodingMemoryError,
    DecodingTimeError,
    MediaError,
)
from jasper.limits import Limits
from jasper.sandbox import Sandbox
from tests.jasper.mutating import Mutator
from tests.jasper.seeds import make_seeds

#: A tiny file that takes longer is worth a look.
LIMITS = Limits(stall_seconds=10, identify_seconds=20)
#: Files that are mutated on, at most; older ones make room.
_MOST_IN_POOL = 2000
_TOLD_EVERY_SECONDS = 60.0
#: How an error begins to tell of a worker that a signal of its own making ended: C code did that.
_DIED = "made the decoder crash (signal"


@dataclass
class Findings:
    """What came of the executions so far."""

    executions: int = 0
    #: What an execution ended in → how often.
    outcomes: "collections.Counter[str]" = field(default_factory=collections.Counter)
    #: Inputs that raised what is no `MediaError`, or that the worker stumbled over in our own code.
    untyped: list[Path] = field(default_factory=list)
    #: Inputs that FFmpeg itself died on, which the sandbox is there for; one for each signal and container.
    crashed: list[Path] = field(default_factory=list)
    #: Inputs that were given up for time or memory; one for each sentence.
    given_up: list[Path] = field(default_factory=list)


class Fuzzer:
    """Damages files and identifies them; one with an outcome not seen before is damaged further.

    Args:
        seeds: Files to begin with.
        seed: Chooses the damage.
        folder: Where the damaged files are written.
        keep: Where inputs that fail are kept.
        sandbox: What identifies them.
    """

    def __init__(self, seeds: list[Path], seed: str, folder: Path, keep: Path, sandbox: Sandbox) -> None:
        self._pool = [(path.suffix, path.read_bytes()) for path in seeds]
        self._mutator = Mutator(seed)
        self._folder, self._keep, self._sandbox = folder, keep, sandbox
        self._seen: set[str] = set()
        self.findings = Findings()

    def run_once(self) -> None:
        """Damage one file and see what becomes of it."""
        suffix, data = self._mutator.choose(self._pool)
        _, other = self._mutator.choose(self._pool)
        made = self._mutator.mutate(data, other)
        outcome = self.execute(made, suffix)
        if outcome not in self._seen:
            self._seen.add(outcome)
            self._pool.append((suffix, made))
            del self._pool[:-_MOST_IN_POOL]

    def execute(self, data: bytes, suffix: str) -> str:
        """What a file ends in: the error's class and sentence without its numbers, or what is found of it."""
        path = self._folder / f"input{suffix}"
        path.write_bytes(data)
        found = self.findings
        found.executions += 1
        try:
            identity = self._sandbox.identify(path)
        except (DecoderCrashedError, DecoderStoppedError) as error:
            outcome = self._named(error)
            if _DIED not in outcome:
                found.untyped.append(self._kept(data, suffix, error))
            elif outcome not in self._seen:
                found.crashed.append(self._kept(data, suffix, error))
        except (DecodingTimeError, DecodingMemoryError) as error:
            outcome = self._named(error)
            if outcome not in self._seen:
                found.given_up.append(self._kept(data, suffix, error))
        except MediaError as error:
            outcome = self._named(error)
        except Exception as error:
            found.untyped.append(self._kept(data, suffix, error))
            outcome = self._named(error)
        else:
            kind = "partial" if identity.partial else "asset"
            found.outcomes[kind] += 1
            return (
                f"{kind} {identity.container} {identity.video_codec} {identity.audio_codec} {identity.rate} "
                f"{identity.rotation} {min(identity.frame_count, 8)}"
            )
        found.outcomes[outcome.split()[0]] += 1
        return outcome

    def _named(self, error: BaseException) -> str:
        sentence = re.sub(r"b['\"].*", "", str(error).partition("input")[2])
        return f"{type(error).__name__} {re.sub(r'(?<![0-9])(?<!signal )[0-9]+', '0', sentence)}"

    def _kept(self, data: bytes, suffix: str, error: BaseException) -> Path:
        self._keep.mkdir(parents=True, exist_ok=True)
        path = self._keep / f"{type(error).__name__}-{hashlib.sha256(data).hexdigest()[:12]}{suffix}"
        path.write_bytes(data)
        path.with_suffix(f"{suffix}.txt").write_text(f"{error}\n")
        return path

    @property
    def pool_size(self) -> int:
        """Files that are mutated on."""
        return len(self._pool)


def fuzz(
    seeds: list[Path], seed: str, keep: Path, is_done: Callable[[Findings], bool], tell: Callable[[str], None]
) -> Findings:
    """Fuzz until it is done."""
    sandbox = Sandbox(LIMITS)
    began = told = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        fuzzer = Fuzzer(seeds, seed, Path(folder), keep, sandbox)
        while not is_done(fuzzer.findings):
            fuzzer.run_once()
            now = time.monotonic()
            if now - told > _TOLD_EVERY_SECONDS:
                told = now
                tell(report(fuzzer.findings, now - began, fuzzer.pool_size))
        tell(report(fuzzer.findings, time.monotonic() - began, fuzzer.pool_size))
    sandbox.close()
    return fuzzer.findings


def report(findings: Findings, seconds: float, pool_size: int) -> str:
    """The figures, in a few lines."""
    pace = findings.executions / max(seconds, 0.001)
    lines = [
        f"{findings.executions:,} executions in {seconds:,.0f} s ({pace:,.0f} a second), {pool_size:,} files in the pool",
        (
            f"{len(findings.untyped)} untyped; {len(findings.crashed)} ways to crash FFmpeg; "
            f"{len(findings.given_up)} ways to be given up for time or memory"
        ),
    ]
    lines += [f"  {count:>9,}  {name}" for name, count in findings.outcomes.most_common()]
    return "\n".join(lines)


def main() -> int:
    """Fuzz for so many minutes; 1 if anything untyped was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="how long (default: 20)")
    parser.add_argument("--seed", default="amber", help="chooses the damage")
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="where failing inputs are kept")
    parser.add_argument("files", type=Path, nargs="*", help="try these files again instead")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seeds-") as folder:
        if given.files:
            fuzzer = Fuzzer(given.files, given.seed, Path(folder), given.keep, Sandbox(LIMITS))
            for path in given.files:
                print(f"{path}: {fuzzer.execute(path.read_bytes(), path.suffix)}")
            return int(bool(fuzzer.findings.untyped))
        end = time.monotonic() + given.minutes * 60
        findings = fuzz(
            make_seeds(Path(folder)),
            given.seed,
            given.keep,
            lambda findings: time.monotonic() > end,
            lambda text: print(text, flush=True),
        )
    for path in (*findings.untyped, *findings.crashed, *findings.given_up):
        print(f"kept: {path}")
    return int(bool(findings.untyped))


if __name__ == "__main__":
    sys.exit(main())
