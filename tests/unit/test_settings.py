"""Where a deployment's settings come from: the environment, then `amber.toml`, then what works with nothing set."""

from pathlib import Path

import pytest

from amber.errors import ConfigurationError
from amber.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    made = tmp_path / "work"
    made.mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setenv("HOME", str(tmp_path))
    return made


def test_with_nothing_set_everything_has_a_value(tmp_path: Path) -> None:
    assert Settings.read({}) == Settings(tmp_path / ".amber", ("algorithms:ALGORITHMS",), {})


def test_the_process_environment_is_read_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AMBER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AMBER_ALGORITHMS", "one:ALL, two.py:find ,")
    assert Settings.read() == Settings(tmp_path / "home", ("one:ALL", "two.py:find"), {})


TOML = """
home = "from_toml"
algorithms = ["three:ALL"]
[bindings]
Shots = "shots_transnet"
"""


def test_amber_toml_of_the_working_directory_is_read(folder: Path) -> None:
    (folder / "amber.toml").write_text(TOML)
    assert Settings.read({}) == Settings(folder / "from_toml", ("three:ALL",), {"Shots": "shots_transnet"})


def test_the_environment_goes_before_amber_toml(folder: Path, tmp_path: Path) -> None:
    (folder / "amber.toml").write_text(TOML)
    given = Settings.read({"AMBER_HOME": str(tmp_path / "home"), "AMBER_ALGORITHMS": "one:ALL"})
    assert given == Settings(tmp_path / "home", ("one:ALL",), {"Shots": "shots_transnet"})


def test_a_home_that_is_given_goes_before_all(folder: Path, tmp_path: Path) -> None:
    (folder / "amber.toml").write_text(TOML)
    assert Settings.read({"AMBER_HOME": "/other"}, home=tmp_path / "given").home == tmp_path / "given"


def test_amber_toml_of_the_home_is_read_where_the_working_directory_has_none(
    folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "amber.toml").write_text('algorithms = ["four:ALL"]')
    assert Settings.read({"AMBER_HOME": str(home)}).algorithms == ("four:ALL",)
    (folder / "amber.toml").write_text('algorithms = ["three:ALL"]')
    assert Settings.read({"AMBER_HOME": str(home)}).algorithms == ("three:ALL",)


def test_a_home_may_be_relative_or_start_with_a_tilde(folder: Path, tmp_path: Path) -> None:
    assert Settings.read({"AMBER_HOME": "here"}).home == folder / "here"
    assert Settings.read({"AMBER_HOME": "~/there"}).home == tmp_path / "there"


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    assert Settings.read({"AMBER_HOME": "", "AMBER_ALGORITHMS": "", "AMBER_REDIS_URL": ""}) == Settings.read(
        {}
    )
    assert Settings.read({"AMBER_ALGORITHMS": " , "}).algorithms == ("algorithms:ALGORITHMS",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("home = ", "amber.toml cannot be read: Invalid value"),
        ("home = 3", "home in amber.toml must be a str; found 3"),
        ('algorithms = "one"', "algorithms in amber.toml must be a list; found 'one'"),
        ("algorithms = [1]", "algorithms in amber.toml must hold strings; found 1"),
        ('bindings = ["Shots"]', r"bindings in amber.toml must be a dict; found \['Shots'\]"),
        ("[bindings]\nShots = 1", "bindings in amber.toml must hold strings; found 1"),
        (
            "hom = 'x'\nz = 1",
            "amber.toml has unknown settings: hom, z; there are: home, algorithms, bindings",
        ),
    ],
)
def test_a_wrong_amber_toml_says_what_is_wrong(folder: Path, text: str, sentence: str) -> None:
    (folder / "amber.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        Settings.read({})


def test_an_amber_toml_that_is_no_text_says_so(folder: Path) -> None:
    (folder / "amber.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"amber.toml cannot be read: 'utf-8' codec"):
        Settings.read({})
    (folder / "amber.toml").unlink()
    (folder / "amber.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"amber.toml cannot be read"):
        Settings.read({})


def test_a_setting_that_would_be_passed_over_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="AMBER_RAY_ADDRESS is set, but this machine computes itself"
    ):
        Settings.read({"AMBER_RAY_ADDRESS": "127.0.0.1:6379"})


def test_a_cluster_is_named_by_its_address(folder: Path) -> None:
    assert (Settings.read({}).executor, Settings.read({}).ray_address) == ("local", "auto")
    assert Settings.read({"AMBER_EXECUTOR": "ray"}).ray_address == "auto"
    (folder / "amber.toml").write_text("executor = 'ray'\nray_address = 'head:6379'")
    chosen = Settings.read({"AMBER_RAY_ADDRESS": "ray://head:10001"})
    assert (chosen.executor, chosen.ray_address) == ("ray", "ray://head:10001")
    assert Settings.read({}).ray_address == "head:6379"
    with pytest.raises(ConfigurationError, match="AMBER_EXECUTOR is local or ray; found 'dask'"):
        Settings.read({"AMBER_EXECUTOR": "dask"})
    for address in ("x://y", "head", "ray://user:secret@head:1"):
        with pytest.raises(
            ConfigurationError, match="AMBER_RAY_ADDRESS is host:port, ray://host:port or auto"
        ):
            Settings.read({"AMBER_EXECUTOR": "ray", "AMBER_RAY_ADDRESS": address})


@pytest.mark.parametrize(
    "url",
    [
        "x://y",
        "mysql://u:secret@h/d",
        "postgresql://u:sec@ret@h/d",
        "postgresql://h:0/d",
        "postgresql://h:x/d",
    ],
)
def test_a_database_that_cannot_be_meant_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="AMBER_DATABASE_URL") as caught:
        Settings.read({"AMBER_DATABASE_URL": url})
    assert "sec" not in str(caught.value)


def test_what_a_machine_may_take_is_said_in_numbers(folder: Path) -> None:
    (folder / "amber.toml").write_text("memory_bytes = 5\n[concurrency]\nmotion = 1\n")
    read = Settings.read({"AMBER_CPUS": "3"})
    assert (read.memory_bytes, read.cpus, read.gpus, read.concurrency) == (5, 3, 0, {"motion": 1})
    named = {"AMBER_CONCURRENCY": "standard=2, motion=3", "AMBER_MEMORY_BYTES": "7"}
    assert Settings.read(named).concurrency == {"standard": 2, "motion": 3}
    assert Settings.read(named).memory_bytes == 7


@pytest.mark.parametrize("said", ["standard", "standard=0", "standard=x", "=1"])
def test_a_concurrency_that_means_nothing_is_refused(said: str) -> None:
    with pytest.raises(ConfigurationError, match="AMBER_CONCURRENCY is written as"):
        Settings.read({"AMBER_CONCURRENCY": said})
