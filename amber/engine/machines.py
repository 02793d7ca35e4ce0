"""What kind of machine this is: its processors and accelerators, as they call themselves."""

import platform
from collections import Counter
from functools import cache
from pathlib import Path

from amber.engine.executors.gate import machine_resources

_CPU_INFO = Path("/proc/cpuinfo")
#: Where the driver of NVIDIA's accelerators says what there is, whoever may use it.
_GPUS = Path("/proc/driver/nvidia/gpus")


@cache
def machine_kind() -> str:
    """The kind of this machine, such as `16 × AMD EPYC 9R14 + 1 × NVIDIA H100 80GB HBM3`; the same on all that are alike."""
    return kind_of(machine_resources().cpus, _CPU_INFO, _GPUS)


def kind_of(cpus: float, cpu_info: Path, gpus: Path) -> str:
    """The kind of a machine with so many processors.

    Args:
        cpus: How many processors this process may use.
        cpu_info: Describes them, one after the other, as Linux does.
        gpus: A folder for each, with a file that describes it.
    """
    model = _told(cpu_info, "model name") or platform.machine() or "processors of an unknown kind"
    there = Counter(
        _told(one / "information", "Model") or "accelerator of an unknown kind"
        for one in sorted(gpus.glob("*"))
    )
    kinds = [f"{cpus:g} × {model}", *(f"{count} × {name}" for name, count in sorted(there.items()))]
    return " + ".join(kinds)


def _told(path: Path, name: str) -> str:
    """What the first line of this name says, its spaces made even; nothing where there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return " ".join(value.split())
    return ""
