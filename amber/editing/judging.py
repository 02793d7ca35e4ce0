"""What a person says of a cut, recorded apart from everything that is computed."""

from amber.editing.cuts import Cut
from amber.store.protocol import Store
from amber.store.verdicts import Verdict


def judge(store: Store, cut: Cut, *, is_kept: bool, who: str) -> Verdict:
    """Record that a cut is wanted, or is to be shown no more; what was said of it before is replaced."""
    reopen(store, cut)
    said = Verdict.about(cut.before.frames, cut.after.frames, is_kept=is_kept, who=who)
    store.catalog.put_verdict(said)
    return said


def reopen(store: Store, cut: Cut) -> bool:
    """Take back all that was said of a cut, also where its shots had other edges then; whether anything was."""
    sides = (cut.before.frames, cut.after.frames)
    said = store.catalog.verdicts([side.asset for side in sides])
    dropped = [store.catalog.drop_verdict(one.first, one.second) for one in said if one.covers(*sides)]
    return any(dropped)
