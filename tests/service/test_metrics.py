"""How standing orders stand is told, and every number that is told stands in the reference."""

import re
from contextlib import closing
from pathlib import Path

from amber.service.metrics import exposition
from amber.store.backfills import Wish
from amber.store.open import open_store
from amber.store.subscriptions import Standing, Subscription

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"


def test_how_long_a_standing_order_waits_is_told(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "home")) as store:
        store.catalog.put_subscription(Subscription("0123456789ab", Wish("shots"), "ann"))
        store.catalog.tell_subscription("0123456789ab", Standing(10, 6, 3, 1, 12.5, 1.7e9))
        told = exposition(store.catalog).decode()
    named = 'algorithm="shots",subscription="0123456789ab"'
    lines = [
        re.sub(r"\{(.*)\}", lambda m: "{" + ",".join(sorted(m[1].split(","))) + "}", line)
        for line in told.splitlines()
    ]
    assert f"amber_subscription_lag_seconds{{{named}}} 12.5" in lines
    for state, count in (("ready", 6.0), ("open", 3.0), ("failed", 1.0)):
        wanted = ",".join(sorted([*named.split(","), f'state="{state}"']))
        assert f"amber_subscription_assets{{{wanted}}} {count}" in lines


def test_every_number_stands_in_the_reference(tmp_path: Path) -> None:
    documented = set(re.findall(r"^\| `(amber_\w+)`", REFERENCE.read_text(), re.MULTILINE))
    with closing(open_store(tmp_path / "home")) as store:
        told = re.findall(r"^# TYPE (amber_\w+) ", exposition(store.catalog).decode(), re.MULTILINE)
    told = [name for name in told if not name.endswith("_created")]
    assert len(told) > 5 and set(told) == documented
