"""What features were made from and why, and which blobs they need."""

from collections.abc import Iterator

from sqlalchemy import func, select, union_all

from amber.store.protocol import UPLOADED, Blob, Cost, Trace, TraceInput
from amber.store.rows import trace_of, unpacked
from amber.store.schema import location, reason, trace, trace_file, trace_input
from amber.store.sql.session import Session
from amber.store.sql.traces import TRACES


class LineageRows(Session):
    """The rows about where features come from."""

    def made_from(self, recipe: str) -> list[TraceInput]:
        """See the protocol."""
        source = trace.alias("source")
        joined = trace_input.join(trace, trace.c.id == trace_input.c.trace).outerjoin(
            source, source.c.id == trace_input.c.source
        )
        query = (
            select(trace_input.c.parameter, trace_input.c.label, trace.c.assets)
            .add_columns(
                func.coalesce(trace_input.c.sha256, source.c.sha256), source.c.recipe, source.c.assets
            )
            .select_from(joined)
            .where(trace.c.recipe == bytes.fromhex(recipe))
            .order_by(trace_input.c.position)
        )
        with self._reading() as connection:
            return [_input(*row) for row in connection.execute(query)]

    def used_by(self, recipe: str) -> list[Trace]:
        """See the protocol."""
        source = select(trace.c.id).where(trace.c.recipe == bytes.fromhex(recipe)).scalar_subquery()
        users = select(trace_input.c.trace).where(trace_input.c.source == source)
        query = TRACES.where(trace.c.id.in_(users)).order_by(trace.c.id.desc())
        with self._reading() as connection:
            return [trace_of(row) for row in connection.execute(query)]

    def reason(self, recipe: str) -> str:
        """See the protocol."""
        query = select(reason.c.sentence).join(trace, trace.c.reason == reason.c.id)
        with self._reading() as connection:
            return str(
                connection.execute(query.where(trace.c.recipe == bytes.fromhex(recipe))).scalar() or ""
            )

    def cost(self, recipe: str) -> Cost | None:
        """See the protocol."""
        query = select(trace.c.seconds, trace.c.cpu_seconds, trace.c.peak_memory_bytes, trace.c.bytes_read)
        with self._reading() as connection:
            row = connection.execute(query.where(trace.c.recipe == bytes.fromhex(recipe))).one_or_none()
        return None if row is None else Cost(*row)

    def referenced_blobs(self) -> Iterator[tuple[Blob, str]]:
        """See the protocol."""
        of_files = select(trace_file.c.sha256, trace_file.c.size_bytes, trace.c.recipe).join(trace)
        uploads = select(location.c.file_digest, location.c.size_bytes, location.c.asset).where(
            location.c.uri.startswith(UPLOADED, autoescape=True)
        )
        needed = union_all(uploads, of_files, select(trace.c.sha256, trace.c.size_bytes, trace.c.recipe))
        with self._reading(upkeep=True) as connection:
            named = {sha256: (size, recipe) for sha256, size, recipe in connection.execute(needed)}
        return ((Blob(sha256.hex(), size), recipe.hex()) for sha256, (size, recipe) in named.items())


def _input(
    parameter: str,
    label: str | None,
    assets: bytes,
    sha256: bytes | None,
    recipe: bytes | None,
    theirs: bytes | None,
) -> TraceInput:
    label = label or "+".join(unpacked(assets if theirs is None else theirs))
    if sha256 is None or recipe is None:
        return TraceInput(parameter, label, label, None)
    return TraceInput(parameter, label, sha256.hex(), recipe.hex())
