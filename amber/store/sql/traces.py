"""Reading what was computed: by resolved key, recipe, subject and asset."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from amber.keys import Snapshot
from amber.store.protocol import Lookup, Trace
from amber.store.rows import digest_range, digests, is_digest_prefix, snapshot_of, subject_key, trace_of
from amber.store.schema import epoch, making, resolved, trace, trace_asset, trace_subject
from amber.store.sql.invalidations import in_force
from amber.store.sql.session import Session, chunks, current_epoch

#: What `rows.trace_of` reads, in its order.
TRACE_COLUMNS = (
    trace.c.recipe,
    making.c.algorithm,
    making.c.version,
    making.c.part,
    trace.c.assets,
    trace.c.generations,
    making.c.settings,
    trace.c.sha256,
    trace.c.size_bytes,
    trace.c.seconds,
    trace.c.created_at,
)
_JOINED = trace.join(making, making.c.id == trace.c.making)
#: All traces.
TRACES: Select[Any] = select(*TRACE_COLUMNS).select_from(_JOINED)

#: One row, always: the epoch, and the feature of a resolved key or nothing.
_LOOKUP = select(epoch.c.number, *TRACE_COLUMNS).select_from(
    epoch.outerjoin(resolved, resolved.c.key == bindparam("key"))
    .outerjoin(trace, trace.c.id == resolved.c.trace)
    .outerjoin(making, making.c.id == trace.c.making)
)
_LINKED = select(resolved.c.key, *TRACE_COLUMNS).select_from(
    resolved.join(trace, trace.c.id == resolved.c.trace).join(making, making.c.id == trace.c.making)
)
_LINKED_VALUES = (
    select(resolved.c.key, trace.c.sha256)
    .select_from(resolved.join(trace, trace.c.id == resolved.c.trace))
    .where(resolved.c.key.in_(bindparam("digests", expanding=True)))
)
_MADE_VALUES = select(trace.c.recipe, trace.c.sha256).where(
    trace.c.recipe.in_(bindparam("digests", expanding=True))
)
_MANY = TRACES.where(trace.c.recipe.in_(bindparam("recipes", expanding=True)))
_SUBJECTS = (
    select(trace_subject.c.subject)
    .distinct()
    .where(trace_subject.c.subject.in_(bindparam("subjects", expanding=True)))
)
_NEWEST_FIRST = trace.c.id.desc()


class TraceRows(Session):
    """The rows about features, to be read."""

    def snapshot(self) -> Snapshot:
        """See the protocol."""
        with self._reading() as connection:
            return snapshot_of(current_epoch(connection), in_force(connection))

    def lookup(self, key: str) -> Lookup:
        """See the protocol."""
        with self._reading() as connection:
            number, *row = connection.execute(_LOOKUP, {"key": bytes.fromhex(key)}).one()
        return Lookup(number, None if row[0] is None else trace_of(row))

    def linked_traces(self, keys: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        with self._reading() as connection:
            return {
                key.hex(): trace_of(row)
                for some in chunks(digests(keys))
                for key, *row in connection.execute(_LINKED.where(resolved.c.key.in_(some)))
            }

    def linked_values(self, keys: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return self._values(_LINKED_VALUES, keys)

    def traces(self, recipes: Sequence[str]) -> dict[str, Trace]:
        """See the protocol."""
        with self._reading() as connection:
            read = [
                trace_of(row)
                for some in chunks(digests(recipes))
                for row in connection.execute(_MANY, {"recipes": some})
            ]
        return {one.recipe: one for one in read}

    def made_values(self, recipes: Sequence[str]) -> dict[str, str]:
        """See the protocol."""
        return self._values(_MADE_VALUES, recipes)

    def traces_of(self, subject: str) -> list[Trace]:
        """See the protocol."""
        theirs = select(trace_subject.c.trace).where(trace_subject.c.subject == subject_key(subject))
        return self._read(TRACES.where(trace.c.id.in_(theirs)).order_by(_NEWEST_FIRST))

    def traced_subjects(self, subjects: Sequence[str]) -> set[str]:
        """See the protocol."""
        asked = {subject_key(subject): subject for subject in subjects}
        with self._reading() as connection:
            return {
                asked[subject]
                for some in chunks(list(asked))
                for (subject,) in connection.execute(_SUBJECTS, {"subjects": some})
            }

    def mean_seconds(self) -> dict[tuple[str, str], float]:
        """See the protocol."""
        name = (making.c.algorithm, making.c.version)
        query = select(*name, func.sum(making.c.seconds), func.sum(making.c.computed)).group_by(*name)
        with self._reading() as connection:
            rows = connection.execute(query.where(making.c.computed > 0)).all()
        return {
            (algorithm, version): seconds / int(computed) for algorithm, version, seconds, computed in rows
        }

    def find_traces(self, recipe_prefix: str) -> list[Trace]:
        """See the protocol."""
        prefix = recipe_prefix.lower()
        if not is_digest_prefix(prefix):
            return []
        return self._read(
            TRACES.where(trace.c.recipe.between(*digest_range(prefix))).order_by(trace.c.recipe)
        )

    def features(self, asset: str) -> list[Trace]:
        """See the protocol."""
        theirs = select(trace_asset.c.trace).where(trace_asset.c.asset == bytes.fromhex(asset))
        return self._read(TRACES.where(trace.c.id.in_(theirs)).order_by(_NEWEST_FIRST))

    def _values(self, query: Select[Any], asked: Sequence[str]) -> dict[str, str]:
        with self._reading() as connection:
            return {
                found.hex(): sha256.hex()
                for some in chunks(digests(asked))
                for found, sha256 in connection.execute(query, {"digests": some})
            }

    def _read(self, query: Select[Any]) -> list[Trace]:
        with self._reading() as connection:
            return [trace_of(row) for row in connection.execute(query)]
