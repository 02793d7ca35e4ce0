"""What an ask promises: computed once, failures remembered, lost values healed, stale writers refused."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Int64

from amber.algorithm import Each, File, Pair, Source, algorithm, result
from amber.engine.ask import Ask
from amber.engine.engine import Engine
from amber.engine.events import StepEvent
from amber.engine.leases import is_dead, owner_name
from amber.errors import (
    AlgorithmFailedError,
    InputFailedError,
    InvalidResultError,
    SeveralFeaturesError,
    SourceLostError,
    UsageError,
    VersionNotFoundError,
)
from amber.progress import scratch
from amber.registry import Registry
from amber.store.protocol import Disowned, Store

ASSET = "a" * 64
OTHER = "b" * 64
THIRD = "c" * 64


@result
class Numbers:
    """Some numbers of a film."""

    number: Int64[np.ndarray, " row"]


@result
class Sums:
    """What follows from numbers."""

    total: Int64[np.ndarray, " row"]


@result
class Compared:
    """A number for each pair."""

    a: list[str]
    b: list[str]
    product: Int64[np.ndarray, " pair"]


@result
class Joined:
    """The numbers of several films."""

    asset: list[str]
    number: Int64[np.ndarray, " film"]


class Counting:
    """Algorithms that count their calls and do what the test says."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.blocks: list[tuple[str, str]] = []
        self.number: Callable[[], int] = lambda: 7
        self.during: Callable[[], None] = lambda: None

    def algorithms(self, *, numbers: str = "1", sums: str = "1") -> list[Any]:
        @algorithm(version=numbers, name="numbers")
        def make_numbers(source: Source, *, base: int = 0) -> Numbers:
            self.calls.append("numbers")
            self.during()
            return Numbers(number=np.array([self.number() + base], np.int64))

        @algorithm(version=sums, name="sums")
        def make_sums(numbers: Numbers, *, factor: int = 1) -> Sums:
            self.calls.append("sums")
            return Sums(total=numbers.number * factor)

        @algorithm(version="1", name="joined")
        def make_joined(numbers: Each[Numbers]) -> Joined:
            self.calls.append("joined")
            return Joined(
                asset=list(numbers), number=np.array([n.number[0] for n in numbers.values()], np.int64)
            )

        @algorithm(version="1", name="compared", merge=merge_compared)
        def make_compared(numbers: Pair[Numbers], *, depth: int = 3) -> Compared:
            self.calls.append("compared")
            self.blocks.append(numbers.assets)
            product = numbers.first.number[:1] * numbers.second.number[:1]
            return Compared(a=[numbers.assets[0]], b=[numbers.assets[1]], product=product)

        return [make_numbers, make_sums, make_joined, make_compared]


def merge_compared(blocks: list[Compared], *, depth: int) -> Compared:
    return Compared(
        a=[a for block in blocks for a in block.a],
        b=[b for block in blocks for b in block.b],
        product=np.concatenate([block.product for block in blocks]),
    )


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def engine(store: Store, counting: Counting) -> Any:
    made = Engine(store, Registry(counting.algorithms()))
    yield made
    made.close()


def ask(algorithm_name: str, *assets: str, **settings: object) -> Ask:
    return Ask(algorithm_name, assets or (ASSET,), settings=settings)


def test_a_feature_is_computed_once(engine: Engine, counting: Counting) -> None:
    first = engine.get(ask("sums"))
    again = engine.get(ask("sums"))
    assert [c.step.algorithm for c in first.computed] == ["numbers", "sums"]
    assert (first.hit, again.hit, again.computed) == (False, True, ())
    assert counting.calls == ["numbers", "sums"]
    assert again.table.to_pylist() == [{"total": 7}]
    assert again.value.total.tolist() == [7]


def test_a_setting_computes_only_what_follows_from_it(engine: Engine, counting: Counting) -> None:
    engine.get(ask("sums"))
    feature = engine.get(ask("sums", factor=3))
    assert feature.value.total.tolist() == [21]
    assert counting.calls == ["numbers", "sums", "sums"]
    engine.get(ask("sums", **{"numbers.base": 1}))
    assert counting.calls[3:] == ["numbers", "sums"]


def test_an_equal_value_of_a_new_version_is_only_linked(store: Store, counting: Counting) -> None:
    Engine(store, Registry(counting.algorithms())).get(ask("sums"))
    raised = Engine(store, Registry(counting.algorithms(numbers="2")))
    plan = raised.plan([ask("sums")])
    feature = raised.get(ask("sums"))
    assert [c.step.algorithm for c in feature.computed] == ["numbers"]
    assert [(p.step.algorithm, p.mark) for p in plan.steps] == [("numbers", "miss"), ("sums", "depends")]
    assert raised.get(ask("sums")).hit
    assert counting.calls == ["numbers", "sums", "numbers"]


def test_one_more_title_among_ten_computes_eleven_blocks(engine: Engine, counting: Counting) -> None:
    titles = [f"{n:064x}" for n in range(11)]
    engine.get(ask("compared", *titles[:10]))
    counting.blocks.clear()
    feature = engine.get(ask("compared", *titles))
    assert len(counting.blocks) == 11
    assert all(titles[10] in pair for pair in counting.blocks)
    assert feature.table.num_rows == 66


def test_with_one_title_the_block_is_the_feature(engine: Engine, counting: Counting) -> None:
    feature = engine.get(ask("compared", ASSET))
    assert counting.blocks == [(ASSET, ASSET)]
    assert [c.step.algorithm for c in feature.computed] == ["numbers", "compared"]


def test_a_block_is_shared_with_an_ask_for_its_two_titles(engine: Engine, counting: Counting) -> None:
    engine.get(ask("compared", ASSET, OTHER))
    counting.blocks.clear()
    engine.get(ask("compared", ASSET, OTHER, THIRD))
    assert sorted(counting.blocks) == [(ASSET, THIRD), (OTHER, THIRD), (THIRD, THIRD)]


def test_each_gives_a_mapping_by_asset(engine: Engine) -> None:
    assert engine.get(ask("joined", OTHER, ASSET)).rows() == [
        {"asset": ASSET, "number": 7},
        {"asset": OTHER, "number": 7},
    ]


def test_a_feature_of_one_title_cannot_be_asked_for_two(engine: Engine) -> None:
    with pytest.raises(UsageError, match="one asset; ask once for each of the 2"):
        engine.get(ask("sums", ASSET, OTHER))


def test_a_failure_costs_its_attempt_once(engine: Engine, counting: Counting) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    counting.during = broken
    with pytest.raises(
        AlgorithmFailedError, match="numbers 1 failed on aaaaaaaaaaaa: ZeroDivisionError: by zero"
    ):
        engine.get(ask("numbers"))
    with pytest.raises(
        InputFailedError, match=r"sums needs an input that failed: numbers failed once .*amber retry"
    ):
        engine.get(ask("sums"))
    assert counting.calls == ["numbers"]
    assert engine.state(ask("numbers")) == "failed"
    counting.during = lambda: None
    assert engine.store.catalog.clear_failures(algorithm="numbers") >= 1
    assert engine.get(ask("sums")).value.total.tolist() == [7]


def test_a_machine_failure_is_tried_again_by_itself(engine: Engine, counting: Counting) -> None:
    def full() -> None:
        raise OSError("no space")

    counting.during = full
    with pytest.raises(AlgorithmFailedError):
        engine.get(ask("numbers"))
    failures = [engine.store.catalog.failure(recipe) for recipe in _recipes(engine, "numbers")]
    assert [(f.failure_class, f.retry_at is not None) for f in failures if f] == [("machine", True)]


def _recipes(engine: Engine, name: str) -> list[str]:
    """The recipe of an algorithm that reads the asset itself."""
    from amber.keys import Snapshot, recipe

    closure = engine.closure(ask(name))
    step = closure.step([ASSET])
    entries = [(i.parameter, i.label, i.label) for i in closure.inputs(step)]
    return [recipe(closure.nodes[name], step, Snapshot(), entries)]


def test_a_result_of_the_wrong_shape_is_refused_and_nothing_is_stored(
    engine: Engine, counting: Counting
) -> None:
    counting.number = lambda: 0

    @algorithm(version="1", name="wrong")
    def wrong(numbers: Numbers) -> Sums:
        return Sums(total=np.zeros((2, 2), np.int64))

    other = Engine(engine.store, Registry([*counting.algorithms()[:1], wrong]))
    with pytest.raises(InvalidResultError, match=r"'total' must be int64 \(row\); found int64 \(2, 2\)"):
        other.get(ask("wrong"))
    assert other.state(ask("wrong")) == "failed"


def test_a_lost_value_reads_as_absent_and_is_made_again(engine: Engine, counting: Counting) -> None:
    feature = engine.get(ask("sums"))
    engine.store.blobs.delete(feature.trace.value.sha256)
    fresh = Engine(engine.store, engine.registry)
    assert fresh.state(ask("sums")) == "absent"
    again = fresh.get(ask("sums"))
    assert [c.step.algorithm for c in again.computed] == ["sums"]
    assert again.trace.value == feature.trace.value
    assert fresh.get(ask("sums")).hit


def test_a_lost_input_is_made_again_when_it_is_needed(engine: Engine, counting: Counting) -> None:
    numbers = engine.get(ask("numbers"))
    engine.store.blobs.delete(numbers.trace.value.sha256)
    feature = Engine(engine.store, engine.registry).get(ask("sums"))
    assert feature.value.total.tolist() == [7]
    assert counting.calls == ["numbers", "numbers", "sums"]


def test_healing_with_other_bytes_heals_what_was_made_from_the_lost_value(
    engine: Engine, counting: Counting
) -> None:
    engine.get(ask("sums"))
    numbers = engine.get(ask("numbers"))
    counting.number = lambda: 8
    engine.store.blobs.delete(numbers.trace.value.sha256)
    fresh = Engine(engine.store, engine.registry)
    assert fresh.get(ask("numbers")).value.number.tolist() == [8]
    assert fresh.get(ask("sums")).value.total.tolist() == [8]
    assert engine.get(ask("sums")).value.total.tolist() == [8], "an engine that was open before sees it too"


def test_what_was_invalidated_is_never_served_again(engine: Engine, counting: Counting) -> None:
    engine.get(ask("sums"))
    counting.number = lambda: 9
    (made,) = engine.store.catalog.invalidate([Disowned("numbers", "1")], reason="wrong", who="test")
    assert engine.get(ask("sums")).value.total.tolist() == [9]
    engine.store.catalog.undo([made.id], who="test")
    calls = list(counting.calls)
    assert engine.get(ask("sums")).value.total.tolist() == [7]
    assert counting.calls == calls, "undo brings back stored values without computing"


def test_an_ask_that_began_before_an_invalidation_links_nothing_under_the_new_generation(
    engine: Engine, counting: Counting
) -> None:
    def invalidate() -> None:
        counting.during = lambda: None
        engine.store.catalog.invalidate([Disowned("numbers", "1")], reason="wrong", who="test")
        counting.number = lambda: 9

    counting.during = invalidate
    counting.number = lambda: 7
    engine.get(ask("numbers"))
    assert engine.get(ask("numbers")).value.number.tolist() == [9]
    assert counting.calls == ["numbers", "numbers"]


def test_asks_at_the_same_time_share_one_computation(
    engine: Engine, counting: Counting, in_threads: Any
) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        assert go_on.wait(30)

    counting.during = slow
    waiting = threading.Event()

    def joiner() -> Any:
        assert started.wait(30)
        other = Engine(engine.store, engine.registry)

        def listen(event: StepEvent) -> None:
            if event.state == "waiting":
                waiting.set()
                go_on.set()

        return other.get(ask("sums"), listen)

    first, second = in_threads([lambda: engine.get(ask("sums")), joiner])
    assert waiting.is_set()
    assert first.data == second.data
    assert counting.calls.count("numbers") == 1
    assert second.hit is False, "who waited for a computation did not hit"
    assert "numbers" not in [c.step.algorithm for c in second.computed]


def test_a_stale_writer_is_refused_and_the_first_commit_stays(
    store: Store, counting: Counting, in_threads: Any
) -> None:
    """A worker sleeps past its lease; another takes over and commits; the sleeper's result is refused."""
    asleep, awake = threading.Event(), threading.Event()
    numbers = iter([1, 2])

    def sleep_the_first_time() -> None:
        if not asleep.is_set():
            asleep.set()
            assert awake.wait(30)

    counting.during = sleep_the_first_time
    counting.number = lambda: next(numbers)
    slow = Engine(store, Registry(counting.algorithms()), lease_seconds=1e6)

    def take_over() -> Any:
        assert asleep.wait(30)
        recipe = _recipes(slow, "numbers")[0]
        holder = store.catalog.holder(recipe)
        assert holder is not None
        taken = store.catalog.take_lease(recipe, "elsewhere|1|1", 60, despite_fence=holder.fence)
        assert taken is not None and taken.fence > holder.fence
        store.catalog.release_lease(taken)
        value = Engine(store, Registry(counting.algorithms())).get(ask("numbers"))
        awake.set()
        return value

    stale, fresh = in_threads([lambda: slow.get(ask("numbers")), take_over])
    assert fresh.value.number.tolist() == stale.value.number.tolist() == [1]
    assert counting.calls == ["numbers", "numbers"]


@result
class Handed:
    """A file, made or handed on."""

    file: File


def test_a_file_that_an_input_hands_on_is_known_to_both_features(store: Store) -> None:
    @algorithm(version="1")
    def makes(source: Source) -> Handed:
        path = scratch() / "made.txt"
        path.write_text("made")
        return Handed(file=File.at(path))

    @result
    class Again:
        file: File

    @algorithm(version="1")
    def hands_on(made: Handed) -> Again:
        return Again(file=made.file)

    engine = Engine(store, Registry([makes, hands_on]))
    feature = engine.get(ask("hands_on"))
    assert feature.value.file.path.read_text() == "made"
    needed = [blob.sha256 for blob, recipe in store.catalog.referenced_blobs() if recipe == feature.id]
    assert feature.value.file.sha256 in needed
    store.blobs.delete(feature.value.file.sha256)
    again = Engine(store, engine.registry).get(ask("hands_on"))
    assert [c.step.algorithm for c in again.computed] == ["makes"], (
        "both have the same bytes, made again once"
    )
    assert again.value.file.path.read_text() == "made"


def test_an_interrupted_ask_leaves_no_lease_and_no_files(engine: Engine, counting: Counting) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    counting.during = interrupt
    with pytest.raises(KeyboardInterrupt):
        engine.get(ask("numbers"))
    assert engine.store.catalog.holder(_recipes(engine, "numbers")[0]) is None
    assert engine.state(ask("numbers")) == "absent"
    assert not engine.store.scratch.exists() or not list(engine.store.scratch.iterdir())


def test_the_five_states_are_told_apart(engine: Engine, counting: Counting) -> None:
    seen: list[str] = [engine.state(ask("numbers"))]

    def listen(event: StepEvent) -> None:
        if event.state in ("started",):
            seen.append(engine.state(ask("numbers")))

    engine.get(ask("numbers"), listen)
    seen.append(engine.state(ask("numbers")))
    assert seen == ["absent", "running", "ready"]


def test_an_older_version_is_read_without_its_code(store: Store, counting: Counting) -> None:
    old = Engine(store, Registry(counting.algorithms()))
    old.get(ask("sums", factor=2))
    new = Engine(store, Registry(counting.algorithms(sums="2")))
    asked = Ask("sums", (ASSET,), version="1")
    assert new.get(asked).table.to_pylist() == [{"total": 14}]
    old.get(ask("sums", factor=3))
    with pytest.raises(SeveralFeaturesError, match='"factor":2'):
        new.get(asked)
    assert new.get(Ask("sums", (ASSET,), version="1", settings={"factor": "3"})).rows() == [{"total": 21}]
    with pytest.raises(VersionNotFoundError, match="loaded versions: 2"):
        new.get(Ask("sums", (OTHER,), version="1"))
    store.catalog.invalidate([Disowned("sums", "1")], reason="wrong", who="test")
    with pytest.raises(VersionNotFoundError):
        new.get(asked)


def test_owners_are_known_dead_only_when_they_are() -> None:
    assert not is_dead(owner_name())
    host, _, _ = owner_name().rsplit("|", 2)
    assert is_dead(f"{host}|{2**22 + 1}|1")
    assert is_dead(owner_name()[:-1] + "x"), "the same process number, started at another time"
    assert not is_dead("elsewhere|1|1")


def test_a_source_without_locations_says_what_can_still_be_served(store: Store, tmp_path: Path) -> None:
    @algorithm(version="1")
    def reading(source: Source) -> Numbers:
        raise source.lost(dict.fromkeys(source.paths, "gone"))

    @algorithm(version="1")
    def trusting(source: Source) -> Numbers:
        return Numbers(number=np.array([source.paths[0].stat().st_size]))

    for one in (reading, trusting):
        engine = Engine(store, Registry([one]))
        with pytest.raises(SourceLostError, match=r"no location is recorded.*stored are still served"):
            engine.get(ask(one.name))
