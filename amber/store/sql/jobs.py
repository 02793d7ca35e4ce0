"""Asks in flight, in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, or_, select, update

from amber.store.jobs import ENDED, Finish, Job, Progress
from amber.store.rows import DIGEST_BYTES, digests, packed, unpacked
from amber.store.schema import job as jobs
from amber.store.schema import job_asker as askers
from amber.store.sql.forgotten import check_none_forgotten
from amber.store.sql.session import Session, chunks, clock, upsert_many

#: How many jobs of each requester are at work.
_AT_WORK = (
    select(jobs.c.requester, func.count().label("number"))
    .where(jobs.c.state == "running")
    .group_by(jobs.c.requester)
    .subquery()
)
_PROGRESS = tuple(vars(Progress()))
#: Changes the columns that are given.
_CHANGE = update(jobs).where(jobs.c.key == bindparam("its_key"))
_FORGET_ASKER = delete(askers).where(
    askers.c.key == bindparam("its_key"), askers.c.asker == bindparam("its_asker")
)


class JobRows(Session):
    """The rows about asks in flight; all but the asks themselves may be lost with the machine's power."""

    def ask_job(self, job: Job, asker: str) -> Job:
        """See the protocol."""
        return self.ask_jobs([job], asker)[0]

    def ask_jobs(self, jobs: Sequence[Job], asker: str) -> list[Job]:
        """See the protocol."""
        wanted = {job.key: job for job in sorted(jobs, key=lambda job: (job.key, job.priority))}
        asked: dict[str, Job] = {}
        for some in chunks(list(wanted.values())):
            with self._writing() as connection:
                check_none_forgotten(connection, sorted({asset for job in some for asset in job.assets}))
                asked |= _asked(connection, some, asker)
        return [asked[job.key] for job in jobs]

    def job(self, key: str) -> Job | None:
        """See the protocol."""
        return self.find_jobs([key]).get(key)

    def find_jobs(self, keys: Collection[str]) -> dict[str, Job]:
        """See the protocol."""
        found = {}
        with self._reading() as connection:
            for some in chunks(digests(keys)):
                for row in connection.execute(select(jobs).where(jobs.c.key.in_(some))):
                    found[row.key.hex()] = _job(row)
        return found

    def jobs(self, *, after: str = "", limit: int | None = None, ended: bool = True) -> list[Job]:
        """See the protocol."""
        query = select(jobs).order_by(jobs.c.key).limit(limit)
        if after:
            query = query.where(jobs.c.key > bytes.fromhex(after.ljust(2 * DIGEST_BYTES, "0")))
        if not ended:
            query = query.where(jobs.c.state.not_in(ENDED))
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(query)]

    def count_jobs(self) -> dict[str, int]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(
                select(jobs.c.state, func.count().label("count")).group_by(jobs.c.state)
            )
            return {row[0]: row[1] for row in rows}

    def askers(self, key: str) -> set[str]:
        """See the protocol."""
        with self._reading() as connection:
            rows = connection.execute(select(askers.c.asker).where(askers.c.key == bytes.fromhex(key)))
            return set(rows.scalars())

    def withdraw_job(self, key: str, asker: str | None) -> Job | None:
        """See the protocol."""
        packed_key = bytes.fromhex(key)
        with self._writing() as connection:
            there = connection.execute(_one(packed_key).with_for_update()).one_or_none()
            if there is None or there.state in ENDED:
                return None if there is None else _job(there)
            theirs = delete(askers).where(askers.c.key == packed_key)
            connection.execute(theirs if asker is None else theirs.where(askers.c.asker == asker))
            if _is_wanted(connection, packed_key):
                return _job(there)
            changed = _changed(connection) | {"state": "cancelled", "owner": "", "fence": jobs.c.fence + 1}
            connection.execute(update(jobs).where(jobs.c.key == packed_key).values(changed))
            return _job(connection.execute(_one(packed_key)).one())

    def end_job(self, key: str) -> None:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            _remove(connection, jobs.c.key == bytes.fromhex(key))

    def prune_jobs(self, seconds: float) -> int:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            old = and_(jobs.c.state.in_(ENDED), jobs.c.changed_at <= clock(connection) - seconds)
            return _remove(connection, old)

    # work

    def most_urgent(self, closures: Collection[str]) -> int | None:
        """See the protocol."""
        waiting = and_(jobs.c.state == "queued", jobs.c.closure.in_(digests(closures)))
        with self._reading() as connection:
            found = connection.execute(select(func.max(jobs.c.priority)).where(waiting)).scalar()
        return None if found is None else int(found)

    def job_owners(self) -> set[str]:
        """See the protocol."""
        with self._reading() as connection:
            running = select(jobs.c.owner).where(jobs.c.state == "running").distinct()
            return set(connection.execute(running).scalars())

    def open_jobs(self, dead: Collection[str] = ()) -> list[Job]:
        """See the protocol."""
        with self._reading() as connection:
            there = and_(_is_open(connection, dead), jobs.c.closure.is_not(None))
            place = func.row_number().over(
                partition_by=jobs.c.closure, order_by=(jobs.c.created_at, jobs.c.key)
            )
            ranked = select(jobs.c.key, place.label("place")).where(there).subquery()
            first = select(jobs).join(ranked, ranked.c.key == jobs.c.key).where(ranked.c.place == 1)
            return [_job(row) for row in connection.execute(first.order_by(jobs.c.created_at, jobs.c.key))]

    def claim_jobs(
        self,
        owner: str,
        seconds: float,
        *,
        most: int,
        key: str | None = None,
        closures: Collection[str] = (),
        dead: Collection[str] = (),
    ) -> list[Job]:
        """See the protocol."""
        wanted = jobs.c.closure.in_(digests(closures)) if key is None else jobs.c.key == bytes.fromhex(key)
        with self._writing(durable=False) as connection:
            is_open = and_(wanted, _is_open(connection, dead))
            query = _ranked(is_open).limit(most).with_for_update(of=jobs, skip_locked=key is None)
            found = {key: state == "running" for key, state in connection.execute(query)}
            changed = _changed(connection) | {
                "state": "running",
                "owner": owner,
                "fence": jobs.c.fence + 1,
                "expires_at": clock(connection) + seconds,
                "started_at": clock(connection),
            }
            claimed: dict[bytes, Job] = {}
            for some in chunks(list(found)):
                connection.execute(update(jobs).where(jobs.c.key.in_(some)).values(changed))
                rows = connection.execute(select(jobs).where(jobs.c.key.in_(some)))
                claimed |= {row.key: replace(_job(row), taken_over=found[row.key]) for row in rows}
            return [claimed[one] for one in found]

    def renew_jobs(self, claims: Sequence[Job], seconds: float) -> set[str]:
        """See the protocol."""
        fences = {bytes.fromhex(claim.key): claim.fence for claim in sorted(claims, key=lambda one: one.key)}
        renewed: set[str] = set()
        with self._writing(durable=False) as connection:
            query = select(jobs.c.key, jobs.c.fence).where(jobs.c.state == "running")
            query = query.order_by(jobs.c.key).with_for_update()
            for some in chunks(list(fences)):
                rows = connection.execute(query.where(jobs.c.key.in_(some)))
                mine = [key for key, fence in rows if fence == fences[key]]
                later = update(jobs).where(jobs.c.key.in_(mine))
                connection.execute(later.values(expires_at=clock(connection) + seconds))
                renewed.update(key.hex() for key in mine)
        return renewed

    def tell_job(self, claim: Job, progress: Progress) -> bool:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            changed = _changed(connection) | vars(progress)
            return connection.execute(update(jobs).where(_stands(claim)).values(changed)).rowcount > 0

    def finish_jobs(self, finished: Sequence[Finish]) -> list[bool]:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            there = _locked(connection, sorted({bytes.fromhex(one.claim.key) for one in finished}))
            standing = {
                key: one
                for one in finished
                if (row := there.get(key := bytes.fromhex(one.claim.key))) is not None
                and (row.fence, row.state) == (one.claim.fence, "running")
            }
            knowing = [{"its_key": key, "its_asker": one.asker} for key, one in standing.items() if one.asker]
            if knowing:
                connection.execute(_FORGET_ASKER, knowing)
            over = [key for key, one in standing.items() if one.asker and one.ending.state == "ready"]
            unwanted = set(over) - _wanted_among(connection, over)
            for some in chunks(sorted(unwanted)):
                connection.execute(delete(jobs).where(jobs.c.key.in_(some)))
            moment = connection.execute(select(clock(connection))).scalar_one()
            ended = [
                {
                    **vars(one.ending),
                    **vars(one.told or _job(there[key]).progress),
                    "its_key": key,
                    "recipe": bytes.fromhex(one.ending.recipe) or None,
                    "owner": "",
                    "revision": there[key].revision + 1,
                    "changed_at": moment,
                }
                for key, one in standing.items()
                if key not in unwanted
            ]
            if ended:
                connection.execute(_CHANGE, ended)
            return [standing.get(bytes.fromhex(one.claim.key)) is one for one in finished]

    def hand_back_job(self, claim: Job) -> bool:
        """See the protocol."""
        with self._writing(durable=False) as connection:
            changed = _changed(connection) | {"state": "queued", "owner": "", "fence": jobs.c.fence + 1}
            return connection.execute(update(jobs).where(_stands(claim)).values(changed)).rowcount > 0


def _asked(connection: Connection, wanted: Sequence[Job], asker: str) -> dict[str, Job]:
    """Jobs as they stand, once they are asked for; wanted in the order of their keys, as others ask for them."""
    now = connection.execute(select(clock(connection))).scalar_one()
    fresh = {"created_at": now, "changed_at": now, "revision": 1}
    new = {bytes.fromhex(job.key): {**_row(job.as_asked()), **fresh} for job in wanted}
    there: dict[bytes, Any] = {}
    while missing := [row for key, row in new.items() if key not in there]:
        upsert_many(connection, jobs, missing)
        there |= _locked(connection, list(new))  # what was there a moment ago may be removed meanwhile
    ended = [key for key, row in there.items() if row.state in ENDED]
    urgent = [key for key, row in there.items() if key not in ended and row.priority < new[key]["priority"]]
    if ended:
        connection.execute(delete(askers).where(askers.c.key.in_(ended)))
        connection.execute(_CHANGE, [_again(new[key], there[key]) for key in ended])
    if urgent:
        connection.execute(_CHANGE, [{"its_key": key, "priority": new[key]["priority"]} for key in urgent])
    if ended or urgent:
        there |= _locked(connection, ended + urgent)
    upsert_many(connection, askers, [{"key": key, "asker": asker} for key in new])
    return {key.hex(): _job(row) for key, row in there.items()}


def _locked(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Any]:
    """The rows of these jobs, which stay as they are until the transaction ends; asked for in their order."""
    return {
        row.key: row
        for some in chunks(keys)
        for row in connection.execute(
            select(jobs).where(jobs.c.key.in_(some)).order_by(jobs.c.key).with_for_update()
        )
    }


def _again(new: dict[str, Any], there: Any) -> dict[str, Any]:
    """The columns of a job that had ended and is asked for again."""
    return {**new, "its_key": new["key"], "fence": there.fence + 1, "revision": there.revision + 1}


def _one(key: bytes) -> Any:
    return select(jobs).where(jobs.c.key == key)


def _stands(claim: Job) -> ColumnElement[bool]:
    """Whether a claim was neither taken over nor cancelled."""
    held = jobs.c.key == bytes.fromhex(claim.key)
    return and_(held, jobs.c.fence == claim.fence, jobs.c.state == "running")


def _is_open(connection: Connection, dead: Collection[str]) -> ColumnElement[bool]:
    abandoned = or_(jobs.c.expires_at <= clock(connection), jobs.c.owner.in_(list(dead)))
    return or_(jobs.c.state == "queued", and_(jobs.c.state == "running", abandoned))


def _is_wanted(connection: Connection, key: bytes) -> bool:
    return bool(_wanted_among(connection, [key]))


def _wanted_among(connection: Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Those of the jobs that somebody wants."""
    return {
        key
        for some in chunks(keys)
        for key in connection.execute(select(askers.c.key).distinct().where(askers.c.key.in_(some))).scalars()
    }


def _ranked(is_open: ColumnElement[bool]) -> Select[Any]:
    """Key and state of the jobs that can be claimed, in the order in which they are."""
    before = func.row_number().over(
        partition_by=jobs.c.requester, order_by=(jobs.c.priority.desc(), jobs.c.created_at, jobs.c.key)
    )
    turn = (before + func.coalesce(_AT_WORK.c.number, 0)).label("turn")
    all_open = jobs.outerjoin(_AT_WORK, _AT_WORK.c.requester == jobs.c.requester)
    turns = select(jobs.c.key, turn).select_from(all_open).where(is_open).subquery()
    query = select(jobs.c.key, jobs.c.state).join(turns, turns.c.key == jobs.c.key).where(is_open)
    return query.order_by(jobs.c.priority.desc(), turns.c.turn, jobs.c.created_at, jobs.c.key)


def _changed(connection: Connection) -> dict[str, Any]:
    return {"revision": jobs.c.revision + 1, "changed_at": clock(connection)}


def _remove(connection: Connection, which: ColumnElement[bool]) -> int:
    connection.execute(delete(askers).where(askers.c.key.in_(select(jobs.c.key).where(which))))
    return connection.execute(delete(jobs).where(which)).rowcount


def _row(job: Job) -> dict[str, Any]:
    row = {**vars(job), **vars(job.progress)}
    del row["progress"], row["taken_over"]
    return {
        **row,
        "key": bytes.fromhex(job.key),
        "assets": packed(job.assets),
        "closure": bytes.fromhex(job.closure) or None,
        "recipe": bytes.fromhex(job.recipe) or None,
    }


def _job(row: Any) -> Job:
    columns = dict(row._mapping)
    told = Progress(**{name: columns.pop(name) for name in _PROGRESS})
    return Job(
        **{
            **columns,
            "progress": told,
            "key": row.key.hex(),
            "assets": unpacked(row.assets),
            "closure": (row.closure or b"").hex(),
            "recipe": (row.recipe or b"").hex(),
        }
    )
