"""What runs when an algorithm is raised to another version, bound to another producer, or gone."""

from pathlib import Path
from typing import Any

import pytest

from amber import Amber
from amber.registry import Registry, load_algorithms
from amber.store.open import open_store
from tests.acceptance.command import Command, names
from tests.acceptance.raised import calls, with_copy

_OTHER_SHOTS = '''"""Shots of one second each, for who does not care where a film cuts."""

import numpy as np

from algorithms.shots import Shots
from algorithms.standard import Standard
from amber.algorithm import algorithm, result


@result
class EvenShots(Shots):
    """Shots of equal length."""


@algorithm(version="1")
def shots_even(film: Standard, *, frames: int = 24) -> EvenShots:
    """A shot every so many frames."""
    start = np.arange(0, film.frame_count, frames)
    end = np.append(start[1:], film.frame_count)
    rate = film.rate_numerator / film.rate_denominator
    return EvenShots(start, end, start / rate, end / rate, end - start < rate / 2)
'''

#: `duplicate_groups` that finds every shot to repeat the first.
_ALL_ALIKE = {"duplicate_groups": ("first_shot=first_similar", "first_shot=0 * first_similar")}


def test_a_raised_version_with_equal_bytes_links_what_depends_on_it(
    warm: Command, clip: Path, tmp_path: Path, first_answer: Any
) -> None:
    raised = with_copy(warm, tmp_path / "copy", {"duplicate_groups": "2"})
    marks = {step["algorithm"]: step["mark"] for step in raised("plan", "match_pairs", clip)["steps"]}
    assert marks == {
        "shots": "hit",
        "shot_embeddings": "hit",
        "duplicate_groups": "miss",
        "match_pairs": "depends",
    }
    answer = raised("get", "match_pairs", clip)
    assert calls(raised) == ["duplicate_groups@2"]
    assert names(answer["computed"]) == ["duplicate_groups"]
    assert (answer["feature"], answer["value"]) == (first_answer["feature"], first_answer["value"])
    assert (raised("get", "match_pairs", clip)["hit"], calls(raised)) == (True, ["duplicate_groups@2"])


def test_a_raised_version_with_other_bytes_computes_what_depends_on_it(
    warm: Command, clip: Path, tmp_path: Path, first_answer: Any
) -> None:
    raised = with_copy(warm, tmp_path / "copy", {"duplicate_groups": "2"}, _ALL_ALIKE)
    answer = raised("get", "match_pairs", clip)
    assert calls(raised) == ["duplicate_groups@2", "match_pairs@1"]
    assert names(answer["computed"]) == ["duplicate_groups", "match_pairs"]
    assert answer["rows"] == [], "an only shot has none to be paired with"
    assert raised("get", "match_pairs", clip)["hit"] is True, "an empty result is ready"
    assert warm("get", "match_pairs", clip)["feature"] == first_answer["feature"]


def test_shots_raised_with_equal_bytes_run_alone(warm: Command, clip: Path, tmp_path: Path) -> None:
    raised = with_copy(warm, tmp_path / "copy", {"shots": "2"})
    answer = raised("get", "match_pairs", clip)
    assert calls(raised) == ["shots@2"]
    assert names(answer["computed"]) == ["shots"]
    for step in ("shot_embeddings", "duplicate_groups"):
        assert raised("get", step, clip)["computed"] == []
    assert calls(raised) == ["shots@2"]


def test_a_version_whose_code_is_gone_is_read_from_what_is_stored(
    warm: Command, clip: Path, tmp_path: Path
) -> None:
    old = warm("get", "duplicate_groups", clip)
    raised = with_copy(warm, tmp_path / "copy", {"duplicate_groups": "2"}, _ALL_ALIKE)
    new = raised("get", "duplicate_groups", clip)
    assert new["value"] != old["value"]
    found = raised("get", "duplicate_groups", clip, "--version", "1")
    assert (found["value"], found["computed"], found["hit"]) == (old["value"], [], True)
    assert found["rows"] == old["rows"]
    missing = raised("get", "duplicate_groups", clip, "--version", "7", code=3)
    assert "loaded versions: 2" in missing["error"]["message"]


def test_a_stored_version_of_several_settings_wants_to_know_which(
    warm: Command, clip: Path, tmp_path: Path
) -> None:
    other = warm("get", "duplicate_groups", clip, "--set", "min_cosine=0.99999")
    raised = with_copy(warm, tmp_path / "copy", {"duplicate_groups": "2"})
    refused = raised("get", "duplicate_groups", clip, "--version", "1", code=2)
    assert refused["error"]["type"] == "SeveralFeaturesError"
    assert '{"min_cosine":0.99999}' in refused["error"]["message"]
    given = ("duplicate_groups", clip, "--version", "1", "--set", "min_cosine=0.99999")
    assert raised("get", *given)["value"] == other["value"]


def test_a_binding_computes_the_other_producer_and_what_follows(
    warm: Command, clip: Path, tmp_path: Path, first_answer: Any
) -> None:
    bound = _with_even_shots(warm, tmp_path)
    assert bound("get", "match_pairs", clip)["hit"] is True, "another algorithm beside it changes no key"
    given = ("match_pairs", clip, "--use", "Shots=shots_even")
    answer = bound("get", *given)
    assert names(answer["computed"])[:2] == ["shots_even", "shot_embeddings"]
    assert not {"standard", "shots"} & set(names(answer["computed"]))
    assert {row["start_a"] % 24 for row in answer["rows"]} == {0}
    assert bound("get", "match_pairs", clip)["feature"] == first_answer["feature"]
    (tmp_path / "amber.toml").write_text('[bindings]\nShots = "shots_even"\n')
    configured = bound("get", "match_pairs", clip)
    assert (configured["feature"], configured["computed"]) == (answer["feature"], [])


def test_a_binding_that_does_not_fit_is_refused_with_what_there_is(
    warm: Command, clip: Path, tmp_path: Path
) -> None:
    bound = _with_even_shots(warm, tmp_path)
    unfit = bound("get", "match_pairs", clip, "--use", "Shots=duplicate_groups", code=2)
    assert (
        unfit["error"]["message"]
        == "duplicate_groups produces DuplicateGroups, which is no Shots; it cannot be bound to it"
    )
    unknown = bound("get", "match_pairs", clip, "--use", "Shots=shotz", code=3)
    assert "shots_even" in unknown["error"]["message"]


def _with_even_shots(amber: Command, folder: Path) -> Command:
    (folder / "even.py").write_text(_OTHER_SHOTS)
    return Command(amber.home, {"AMBER_ALGORITHMS": f"algorithms:ALGORITHMS,{folder / 'even.py'}"})


class TestInPython:
    """The same, through `Amber`."""

    @pytest.fixture
    def opened(self, warm: Command, tmp_path: Path) -> Any:
        """Opens the home with the algorithms that are named, and closes it at the end."""
        opened: list[Amber] = []

        def open_with(*specs: str, bindings: dict[str, str] | None = None) -> Amber:
            made = Amber(open_store(warm.home), Registry(load_algorithms(specs), bindings))
            opened.append(made)
            return made

        yield open_with
        for made in opened:
            made.close()

    def test_an_upstream_setting_is_in_the_key(self, opened: Any, first_answer: Any) -> None:
        amber = opened("algorithms:ALGORITHMS")
        (asset,) = first_answer["key"]["assets"]
        assert amber.get("match_pairs", asset).id == first_answer["feature"]
        changed = amber.get("match_pairs", asset, settings={"duplicate_groups.min_cosine": 0.99999})
        assert [done.step.algorithm for done in changed.computed] == ["duplicate_groups", "match_pairs"]
        assert len(changed.value.score) == 10

    def test_a_binding_of_the_ask_and_of_the_deployment_are_one_key(
        self, opened: Any, first_answer: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "even.py").write_text(_OTHER_SHOTS)
        specs = ("algorithms:ALGORITHMS", str(tmp_path / "even.py"))
        (asset,) = first_answer["key"]["assets"]
        # near-duplicates need the encoder, which takes seconds to load; shots show the same without it
        asked = opened(*specs).get("shots_even", asset)
        assert [done.step.algorithm for done in asked.computed] == ["shots_even"]
        use = {"Shots": "shots_even"}
        by_ask = opened(*specs).plan("match_pairs", asset, use=use)
        by_deployment = opened(*specs, bindings=use).plan("match_pairs", asset)
        assert by_ask == by_deployment
        assert {s.step.algorithm: s.mark for s in by_ask.steps}["shots_even"] == "hit"

    def test_a_version_whose_code_is_gone_has_a_table_and_no_class(
        self, opened: Any, first_answer: Any, tmp_path: Path
    ) -> None:
        old = opened("algorithms:ALGORITHMS")
        raised = _raised_file(tmp_path / "raised.py")
        (asset,) = first_answer["key"]["assets"]
        amber = opened(f"{raised}:ALGORITHMS")
        computed = amber.get("duplicate_groups", asset).computed
        assert [done.step.algorithm for done in computed] == ["duplicate_groups"]
        found = amber.get("duplicate_groups", asset, version="1")
        assert (found.hit, found.result_type) == (True, None)
        assert found.id == old.get("duplicate_groups", asset).id
        assert found.table.column("first_shot").to_pylist() == [0, 1, 2, 0, 4]


def _raised_file(path: Path) -> Path:
    """A user's file with the algorithms, `duplicate_groups` raised to version 2."""
    path.write_text(
        "import dataclasses\n\nimport algorithms\n\n"
        'RAISED = {"duplicate_groups": "2"}\n'
        "ALGORITHMS = [dataclasses.replace(a, version=RAISED.get(a.name, a.version)) for a in algorithms.ALGORITHMS]\n"
    )
    return path
