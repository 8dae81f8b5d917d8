"""The store of what the service did: requests, true outcomes, monitoring reports and events.

SQLite in a file by default; PostgreSQL where `DATABASE_URL` names one (`uv sync --group postgres`). The service writes
through `prediction_log.py` and `feedback.py`; `windows.py` and the monitoring job read.

One row is one request, not one prediction: a call with a thousand rows is one insert. Its predictions are called
`{request_id}-{position}`, and under this name the outcome of each comes later.
"""

import json
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

Role = Literal["champion", "shadow"]

SECONDS_TO_CONNECT = 5
SECONDS_TO_WAIT_FOR_A_LOCK = 10
# Who creates tables holds this lock: any number that nobody else uses.
LOCK_OF_TABLES = 20130101
# Databases take thousands of values in one statement, but not any number of them.
ROWS_AT_A_TIME = 1000
# So many requests SQLite takes one by one: large ones are not worth a detour through JSON.
FEW_REQUESTS = 20
# Both can leave out what is there already; each in its own words.
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite does not keep time zones: the database holds UTC without saying so."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Take the time zone off."""
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Put the time zone on."""
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """A value as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002
        """Write."""
        return json.dumps(value, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Read."""
        return None if value is None else json.loads(value)


metadata = MetaData()
requests = Table(
    "requests",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("role", String, primary_key=True),
    Column("received_at", Moment, nullable=False),
    Column("model_version", String, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_event", DateTime, nullable=False, index=True),
    Column("last_event", DateTime, nullable=False, index=True),
    Column("features", Text, nullable=False),
    Column("answers", Text, nullable=False),
    Column("decisions", Text, nullable=False),
)
outcomes = Table(
    "outcomes",
    metadata,
    Column("prediction_id", String, primary_key=True),
    Column("request_id", String, nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("received_at", Moment, nullable=False),
)
reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("window_from", DateTime, nullable=False),
    Column("window_to", DateTime, nullable=False),
    Column("status", String, nullable=False),
    Column("summary", Json, nullable=False),
)
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", String, nullable=False, index=True),
    Column("detail", Json, nullable=False),
)


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class LoggedRequest:
    """One answered request, as it is kept.

    Attributes:
        request_id: Unique.
        received_at: When it was answered.
        model_version: Of the model that answered.
        role: Whether the answer was given (champion) or only noted (shadow).
        latency_ms: How long the answer took.
        rows: How many predictions it holds.
        first_event, last_event: Earliest and latest event time of the rows, local as in the data.
        features: JSON list of the rows.
        answers: JSON list of the probability shown for each row.
        decisions: JSON list of the decision about each row.
    """

    request_id: str
    received_at: datetime
    model_version: str
    role: Role
    latency_ms: float
    rows: int
    first_event: datetime
    last_event: datetime
    features: str
    answers: str
    decisions: str


@dataclass(frozen=True)
class Outcome:
    """What turned out to be true for one prediction."""

    prediction_id: str
    outcome: str
    received_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Counted:
    """What became of some outcomes.

    Attributes:
        new: Kept.
        known: Sent before, and the same: nothing changed.
        changed_refused: Contradict what was sent before, which stays.
    """

    new: int
    known: int
    changed_refused: int


@dataclass(frozen=True)
class Report:
    """Result of one run of the monitoring job; `id` is 0 until it is stored."""

    window_from: datetime
    window_to: datetime
    status: Literal["ok", "alarm"]
    summary: Mapping[str, Any]
    created_at: datetime = field(default_factory=now)
    id: int = 0


@dataclass(frozen=True)
class Event:
    """Something that happened to the service: a swap of models, drift, a retraining."""

    id: int
    at: datetime
    kind: str
    detail: Mapping[str, Any]


def sqlite_insert() -> Executable:
    """Return SQLite's statement for many requests, which takes them as one JSON text.

    Python's sqlite3 would give up the interpreter lock for each row of a list, and the thread that answers requests
    would as often wait to get it back: a busy service lost a tenth of its requests a second.
    """
    rows = func.json_each(bindparam("rows", type_=Text)).table_valued("value")
    names = requests.columns.keys()
    picked = select(*(func.json_extract(rows.c.value, f"$.{name}") for name in names)).where(true())
    return sqlite.insert(requests).from_select(names, picked).on_conflict_do_nothing()


SQLITE_INSERT = sqlite_insert()


def for_sqlite(request: LoggedRequest) -> dict[str, Any]:
    """Return a request as JSON holds it, with times as SQLAlchemy writes them into SQLite."""
    times = {
        "received_at": in_utc(request.received_at),
        "first_event": request.first_event,
        "last_event": request.last_event,
    }
    texts = {name: moment.isoformat(" ", "microseconds") for name, moment in times.items()}
    return vars(request) | texts


class Store:
    """The database. Nothing is connected before the first use, so that a service starts without it, too.

    Every method raises OSError where the database does not answer (later it may), and ValueError where it refuses
    the values (it always will). All may be called from several threads.
    """

    def __init__(self, url: str) -> None:
        """Name the database.

        Args:
            url: As `sqlite:///monitoring.db` or `postgresql://user:password@host/database`.

        Raises:
            ValueError: If this is no such URL, or the driver is not installed.
        """
        self._engine = engine_of(url)
        # Who reads once and goes need not call `close`: from 3.13 on, Python warns of connections that were left open.
        weakref.finalize(self, self._engine.dispose)
        self._insert = INSERTS[self._engine.dialect.name]
        self._tables_exist = False
        self._lock = threading.Lock()

    @classmethod
    def at(cls, store: "Store | str") -> "Store":
        """Return the store itself, or the one of a URL."""
        return cls(store) if isinstance(store, str) else store

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    # ---------------------------------------------------------------- requests and outcomes

    def add_requests(self, logged: Sequence[LoggedRequest]) -> None:
        """Keep requests, all or none; one that is there already (by id and role) stays as it is."""
        if not logged:
            return
        with self._transaction() as connection:
            if connection.dialect.name == "sqlite" and len(logged) > FEW_REQUESTS:
                connection.execute(SQLITE_INSERT, {"rows": json.dumps([for_sqlite(each) for each in logged])})
            else:
                connection.execute(self._insert(requests).on_conflict_do_nothing(), [vars(each) for each in logged])

    def requests_between(self, start: datetime, end: datetime, role: Role = "champion") -> list[LoggedRequest]:
        """Return the requests with an event time from `start` to before `end`, by time.

        A request whose rows reach over an end of this window is among them.
        """
        found = (
            select(requests)
            .where(requests.c.role == role, requests.c.first_event < end, requests.c.last_event >= start)
            .order_by(requests.c.first_event, requests.c.request_id)
        )
        with self._transaction() as connection:
            return [LoggedRequest(**row) for row in connection.execute(found).mappings()]

    def newest_event(self) -> datetime | None:
        """Return the latest event time of all requests, local as in the data; None while there is none."""
        with self._transaction() as connection:
            newest: datetime | None = connection.execute(select(func.max(requests.c.last_event))).scalar_one()
        return newest

    def add_outcomes(self, arrived: Sequence[Outcome]) -> Counted:
        """Keep the first outcome of each prediction, all or none; count what was known and what contradicts."""
        new = known = refused = 0
        with self._transaction() as connection:
            for part in parts(arrived):
                first: dict[str, Outcome] = {}
                for each in part:
                    first.setdefault(each.prediction_id, each)
                # The database decides which are new: another call may bring the same ones at this very moment.
                adding = self._insert(outcomes).on_conflict_do_nothing().returning(outcomes.c.prediction_id)
                rows = [vars(each) | {"request_id": request_of(each.prediction_id)} for each in first.values()]
                added = set(connection.execute(adding, rows).scalars())
                kept = select(outcomes.c.prediction_id, outcomes.c.outcome)
                chosen = kept.where(outcomes.c.prediction_id.in_(list(first)))
                truth = {row.prediction_id: row.outcome for row in connection.execute(chosen)}
                same = sum(each.outcome == truth[each.prediction_id] for each in part)
                new += len(added)
                known += same - len(added)
                refused += len(part) - same
        return Counted(new, known, refused)

    def outcomes_of(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Return the outcomes that have arrived for the predictions of some requests, by prediction id."""
        found: dict[str, str] = {}
        with self._transaction() as connection:
            for part in parts(request_ids):
                chosen = select(outcomes.c.prediction_id, outcomes.c.outcome).where(outcomes.c.request_id.in_(part))
                found |= {row.prediction_id: row.outcome for row in connection.execute(chosen)}
        return found

    # ---------------------------------------------------------------- reports and events

    def add_report(self, report: Report) -> int:
        """Keep a report and return its id."""
        values = {name: value for name, value in vars(report).items() if name != "id"}
        with self._transaction() as connection:
            return int(connection.execute(insert(reports).returning(reports.c.id), values).scalar_one())

    def newest_report(self) -> Report | None:
        """Return the report that was added last, if there is one."""
        with self._transaction() as connection:
            row = connection.execute(select(reports).order_by(reports.c.id.desc()).limit(1)).mappings().first()
        return None if row is None else Report(**row)

    def reports(self) -> list[Report]:
        """Return all reports, in the order in which they were added."""
        with self._transaction() as connection:
            return [Report(**row) for row in connection.execute(select(reports).order_by(reports.c.id)).mappings()]

    def add_event(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Keep what happened just now."""
        with self._transaction() as connection:
            connection.execute(insert(events), {"at": now(), "kind": kind, "detail": detail})

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the events, or those of one kind, in the order in which they happened."""
        found = select(events).order_by(events.c.id)
        if kind is not None:
            found = found.where(events.c.kind == kind)
        with self._transaction() as connection:
            return [Event(**row) for row in connection.execute(found).mappings()]

    # ---------------------------------------------------------------- the database

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Run statements together, in tables that exist, and say in two kinds of error what went wrong."""
        try:
            self._create_tables()
            with self._engine.begin() as connection:
                yield connection
        except (DataError, IntegrityError) as error:
            raise ValueError(f"the database refuses the values: {error.orig}") from error
        except DBAPIError as error:
            self._tables_exist = False  # an empty database may have taken the place of the one that was lost
            raise OSError(f"the database does not answer: {error.orig}") from error
        except StatementError as error:
            raise ValueError(f"the database cannot hold the values: {error.orig}") from error
        except SQLAlchemyError as error:
            raise OSError(f"the database does not answer: {error}") from error

    def _create_tables(self) -> None:
        """Make sure, once, that the tables exist."""
        if self._tables_exist:
            return
        with self._lock:
            create_tables(self._engine)
            self._tables_exist = True


def create_tables(engine: Engine) -> None:
    """Create the tables and indexes that do not exist."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # there, two processes that create a table at once disturb each other
            connection.execute(select(func.pg_advisory_xact_lock(LOCK_OF_TABLES)))
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))


def engine_of(url: str) -> Engine:
    """Return SQLAlchemy's access to the database of a URL.

    Raises:
        ValueError: If this is no URL of SQLite or PostgreSQL, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("DATABASE_URL is no URL such as sqlite:///monitoring.db") from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return sqlite_engine(parsed)
    if kind in ("postgresql", "postgres"):
        return postgresql_engine(parsed)
    raise ValueError(f"DATABASE_URL names {kind}; the store can be sqlite or postgresql")


def sqlite_engine(url: URL) -> Engine:
    """Return the access to a SQLite file that a service writes and a job reads at the same time."""
    if url.database in (None, "", ":memory:"):
        raise ValueError("DATABASE_URL names no file: in memory, each thread would have a database of its own")
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": SECONDS_TO_WAIT_FOR_A_LOCK})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # A write-ahead log: who reads sees the last state and holds nobody up. Without a wait for the disk at each
        # commit a power cut may cost the last moments, but never the file.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def postgresql_engine(url: URL) -> Engine:
    """Return the access to a PostgreSQL server that may restart, or fall silent."""
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,  # a connection that a restart has cut is replaced without an error
            connect_args={"connect_timeout": SECONDS_TO_CONNECT, "tcp_user_timeout": 1000 * SECONDS_TO_CONNECT},
        )
    except ImportError as error:
        raise ValueError(f"{error}: install the driver with `uv sync --group postgres`") from error


def request_of(prediction_id: str) -> str:
    """Return the id of the request that a prediction belongs to."""
    return prediction_id.rpartition("-")[0]


def parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut a long sequence into parts that fit into one statement."""
    for start in range(0, len(items), ROWS_AT_A_TIME):
        yield items[start : start + ROWS_AT_A_TIME]
