"""Machines that are alike are of one kind, and others are not."""

from pathlib import Path

from amber.engine.machines import kind_of, machine_kind


def test_a_kind_says_what_the_machine_says_of_itself(tmp_path: Path) -> None:
    cpu_info, gpus = tmp_path / "cpuinfo", tmp_path / "gpus"
    one = "processor\t: {}\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC  9R14\n\n"
    cpu_info.write_text(one.format(0) + one.format(1))
    assert kind_of(16.0, cpu_info, gpus) == "16 × AMD EPYC 9R14"
    for number in range(2):
        folder = gpus / f"0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 33\n")
    assert kind_of(1.5, cpu_info, gpus) == "1.5 × AMD EPYC 9R14 + 2 × NVIDIA H100 80GB HBM3"


def test_a_machine_that_says_nothing_has_a_kind_all_the_same(tmp_path: Path) -> None:
    assert kind_of(4.0, tmp_path / "none", tmp_path / "none").startswith("4 × ")
    assert machine_kind() == machine_kind() != ""
