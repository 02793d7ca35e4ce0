"""Kept plans, as commands print them: a document, or what it would do and what to type next."""

from typing import TYPE_CHECKING

from amber.cli.output import emit, say
from amber.engine.kept_plans import plan_document
from amber.errors import UsageError

if TYPE_CHECKING:
    from amber.store.protocol import Applied, KeptPlan


def one_of(**given: object) -> None:
    """See that exactly one of several things was typed.

    Raises:
        UsageError: None was, or several.
    """
    typed = [name for name, value in given.items() if value is not None]
    names = " or ".join(name.replace("_", "-") for name in given)
    if len(typed) != 1:
        found = " and ".join(name.replace("_", "-") for name in typed) or "nothing"
        raise UsageError(f"say one of {names}; found {found}")


def show_plan(plan: "KeptPlan", command: str, *, as_json: bool) -> None:
    """Print what a new plan would do, and say how it is applied."""
    if as_json:
        emit(plan_document(plan))
        return
    from amber.cli.tables import print_table
    from amber.wording import counted, duration, size

    what = {"invalidate": "disowned", "forget": "removed", "retain": "dropped"}[plan.action]
    rows = [(what, extent) for extent in plan.doomed] + [("depends", extent) for extent in plan.depends]
    print_table(
        ["algorithm", "version", "becomes", "features", "size", "took"],
        [
            [one.algorithm, one.version, mark, one.features, size(one.size_bytes), duration(one.seconds)]
            for mark, one in rows
        ],
    )
    number = plan.features + (plan.dependants if not plan.depends else 0)
    say(
        f"{counted(number, 'feature')} {what} ({size(plan.size_bytes)}), which took {duration(plan.seconds)} to compute"
    )
    if plan.depends:
        more = duration(plan.most_seconds - plan.seconds)
        say(
            f"{counted(plan.dependants, 'feature')} depend on them: up to {more} more, nothing where values come out equal"
        )
    for line in _consequences(plan):
        say(line)
    say(f"nothing is done yet: `{command} --apply {plan.id}` does it")


def _consequences(plan: "KeptPlan") -> list[str]:
    if plan.action == "invalidate":
        return ["it can be undone until `amber gc --keep-versions` drops what it disowned"]
    if plan.action == "forget":
        return ["it cannot be undone; the asset's title, labels and locations go too"]
    return [
        f"it ends the undo of plan {entry['plan'] or '–'}: {entry['what']}, disowned on {entry['applied_on']} "
        f"({entry['reason']})"
        for entry in plan.detail["ended"]
    ]


def show_applied(applied: "Applied", *, as_json: bool) -> None:
    """Print what applying a plan did."""
    plan = applied.plan
    if as_json:
        blobs = [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in applied.blobs]
        emit({**plan_document(plan), "deleted": blobs})
        return
    from amber.wording import counted, size

    number = sum(extent.features for extent in plan.doomed)
    if plan.action == "invalidate":
        say(f"{counted(number, 'feature')} disowned; `amber invalidate --undo {plan.id}` takes it back")
    elif plan.action == "forget":
        freed = size(sum(blob.size_bytes for blob in applied.blobs))
        say(
            f"{counted(number, 'feature')} removed, and {counted(len(applied.blobs), 'blob')} ({freed}) deleted"
        )
    else:
        say(f"{counted(number, 'feature')} dropped; `amber gc` collects their bytes")
