"""Setting up: pip's settings reach uv, and what is missing is said in a sentence."""

import ast
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.source import ROOT


@pytest.fixture
def bootstrap() -> ModuleType:
    """The script, loaded anew."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def own_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """pip with no settings but those that a test writes into the file given."""
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("UV_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE", "UV_INDEX_STRATEGY"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "pip.conf"
    settings.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    return settings


def _handed(bootstrap: ModuleType) -> dict[str, str]:
    environment: dict[str, str] = bootstrap._uv_environment(sys.executable)
    return environment


def test_pips_file_is_handed_to_uv(bootstrap: ModuleType, own_pip: Path) -> None:
    own_pip.write_text(
        "[global]\nindex-url = file:///mirror/simple\nextra-index-url = file:///a file:///b\n"
        "find-links =\n    /wheels\n    /more\n"
    )
    handed = _handed(bootstrap)
    assert handed["UV_DEFAULT_INDEX"] == "file:///mirror/simple"
    assert handed["UV_INDEX"] == "file:///a file:///b"
    assert handed["UV_FIND_LINKS"] == "/wheels,/more"


def test_pips_variables_go_before_its_file_and_uvs_before_both(
    bootstrap: ModuleType, own_pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_pip.write_text("[global]\nfind-links = /file\ncert = /file.pem\n")
    monkeypatch.setenv("PIP_FIND_LINKS", "/one /two")
    assert _handed(bootstrap)["UV_FIND_LINKS"] == "/one,/two"
    monkeypatch.setenv("UV_FIND_LINKS", "/uv")
    assert _handed(bootstrap)["UV_FIND_LINKS"] == "/uv"
    assert _handed(bootstrap)["SSL_CERT_FILE"] == "/file.pem"


@pytest.mark.usefixtures("own_pip")
def test_a_plain_machine_hands_over_nothing_of_its_own(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # then pip reads no file at all
    handed = _handed(bootstrap)
    assert handed["UV_PYTHON_DOWNLOADS"] == "never"
    assert {"UV_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE"} & handed.keys() == set()


def test_an_environment_that_fits_is_left_alone(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "_make_venv", lambda base: sys.exit("set up again"))
    with pytest.raises(SystemExit, match="set up again"):
        bootstrap.main()
    (tmp_path / "stamp").write_text(bootstrap._digest())
    bootstrap.main()


def test_the_project_is_compiled_even_where_processes_may_not_write_bytecode(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    room = tmp_path / "amber" / "room"
    room.mkdir(parents=True)
    (room / "thing.py").write_text("A = 1\n")
    bootstrap._compile()
    assert [path.name.partition(".")[0] for path in (room / "__pycache__").iterdir()] == ["thing"]


def test_other_constraints_are_another_environment(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in bootstrap.SOURCES:
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    before = bootstrap._digest()
    (tmp_path / "constraints.txt").write_text("numpy==2.0.0\n")
    assert bootstrap._digest() != before


def test_an_old_python_is_told_which_one_is_needed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (9, 0))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        SystemExit, match=r"needs Python 3\.11 or newer, and found only 3\.\d+\.\d+; install one"
    ):
        bootstrap._find_python()


def test_the_script_is_understood_by_pythons_that_are_too_old() -> None:
    ast.parse((ROOT / "bootstrap.py").read_text(), feature_version=(3, 7))
