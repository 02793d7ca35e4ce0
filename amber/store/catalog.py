"""The catalogue in SQL: every row of the protocol, by the same statements on SQLite and on PostgreSQL."""

from pathlib import Path

from amber.store.singles import Singles
from amber.store.sql.accounts import AccountRows
from amber.store.sql.arrivals import ArrivalRows
from amber.store.sql.assets import AssetRows
from amber.store.sql.backfills import BackfillRows
from amber.store.sql.commits import CommitRows
from amber.store.sql.failures import FailureRows
from amber.store.sql.garbage import GarbageRows
from amber.store.sql.invalidations import InvalidationRows
from amber.store.sql.jobs import JobRows
from amber.store.sql.leases import LeaseRows
from amber.store.sql.lineage import LineageRows
from amber.store.sql.plans import PlanRows
from amber.store.sql.problems import ProblemRows
from amber.store.sql.session import postgres_engine, sqlite_engine
from amber.store.sql.subscriptions import SubscriptionRows
from amber.store.sql.tokens import TokenRows
from amber.store.sql.traces import TraceRows
from amber.store.sql.verdicts import VerdictRows


class SqlCatalog(
    AssetRows,
    TraceRows,
    CommitRows,
    LeaseRows,
    FailureRows,
    JobRows,
    BackfillRows,
    SubscriptionRows,
    ArrivalRows,
    TokenRows,
    VerdictRows,
    InvalidationRows,
    LineageRows,
    ProblemRows,
    PlanRows,
    GarbageRows,
    AccountRows,
    Singles,
):
    """A catalogue in a database; each method is one transaction, from any number of threads and processes."""

    @classmethod
    def at(cls, path: Path) -> "SqlCatalog":
        """The catalogue in an SQLite file that has its tables already (`amber.store.open` sees to that)."""
        return cls(sqlite_engine(path), path)

    @classmethod
    def on_postgres(cls, url: str) -> "SqlCatalog":
        """The catalogue in a PostgreSQL database that has its tables already."""
        from amber.store.postgres import named

        return cls(postgres_engine(url), named(url))
