"""Play what came after training against the running service: `uv run poe replay`.

Week by week the service is asked about each flight, and told days later how it went. After each week the monitoring job
looks at it. On an alarm the model is trained again with everything that is known by then (`dvc repro`), the policy
decides what becomes of it, and the service takes it while passengers go on asking. All of it happens in a copy of the
project (build/replay); reports/replay.json and reports/replay.png are written here.
"""

import json
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from .bootstrap import Floats
from .client import Client, Passengers, wait_until
from .config import CHAMPION, PREPARED, REPORTS
from .data import load_contract, read_by_contract
from .dataset import codes_of
from .figures import BLUE, DOTS_PER_INCH, GREY, RED, new_figure
from .metrics import area_under_roc, log_loss
from .model_folder import write_atomically
from .monitor import FOLDER, look, midnight
from .params import Params, load_params
from .predict import Predictor
from .prepare import check
from .store import Store
from .workspace import Workspace

# An outcome is known so many days after the flight was asked about.
DELAY = timedelta(days=2)
# After a training, wait so many weeks before another one: the newest weeks must come in first.
WEEKS_BETWEEN = 6
MOST_TRAININGS = 2


@dataclass(frozen=True)
class Week:
    """What is played in one week.

    Attributes:
        first: Its first day.
        rows: Requests, in order of time.
        outcomes: What came, for each row.
        frozen: What the model of the beginning says, for each row.
    """

    first: date
    rows: list[dict[str, Any]]
    outcomes: list[str]
    frozen: list[float]


def to_play(params: Params, weeks: int | None) -> list[Week]:
    """Return what came after the rows that the model was trained and tested on, week by week."""
    contract = load_contract()
    time_column = contract.time()
    if time_column is None:
        raise SystemExit("error: a replay needs a table with a time: set `data.time` in params.yaml")
    table = check(read_by_contract(params.data, contract), contract, contract.source)
    newest = pd.read_parquet(PREPARED / "test.parquet", columns=[time_column])[time_column].max().normalize()
    later = table[table[time_column] >= newest + pd.Timedelta(days=1)].sort_values(time_column, kind="stable")
    if later.empty:
        raise SystemExit("error: nothing came after the rows that the model knows: set `data.rows` in params.yaml")
    champion = Predictor.load(CHAMPION)
    place = champion.card.policy.positive or 0
    names = [column.name for column in contract.columns]
    number = (later[time_column].dt.normalize() - (newest + pd.Timedelta(days=1))).dt.days // 7
    found = []
    for _, part in list(later.groupby(number))[:weeks]:
        rows = json.loads(part[names].to_json(orient="records", date_format="iso", date_unit="s"))
        for row in rows:
            row[time_column] = row[time_column].removesuffix("Z")
        probabilities = champion.outputs(champion.features.from_frame(part))[:, place]
        outcomes = part[contract.target].astype(str).tolist()
        found.append(Week(part[time_column].iloc[0].date(), rows, outcomes, probabilities.tolist()))
    return found


def loss_of(happened: NDArray[np.bool_], predicted: Floats) -> float:
    """Return the log loss of the probabilities of the positive class, shape (n,)."""
    return log_loss(happened.astype(np.int64), np.column_stack([1 - predicted, predicted]))


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Replay:
    """The story as it unfolds.

    Attributes:
        weeks: A row for each week: ROC AUC and log loss with and without retraining, shares, what monitoring said.
        events: What was done about it.
    """

    def __init__(self, workspace: Workspace, client: Client, params: Params) -> None:
        self.workspace, self.client, self.params = workspace, client, params
        self.store = Store(f"sqlite:///{workspace.folder / 'monitoring.db'}")
        self.weeks: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.waiting: list[tuple[date, str, str]] = []  # day of the flight, prediction, outcome
        self.trained_in_week: int | None = None
        policy = Predictor.load(CHAMPION).card.policy
        self.classes, self.positive = policy.classes, policy.positive or 0

    def play(self, number: int, week: Week) -> None:
        """Play one week and act on what is seen."""
        time_column = str(load_contract().time())
        answers: list[float] = []
        days = pd.Series([row[time_column][:10] for row in week.rows])
        for day, places in days.groupby(days).groups.items():
            today = date.fromisoformat(str(day))
            self.tell_until(today - DELAY)
            predicted = self.client.predict([week.rows[place] for place in places])
            answers += [probability for _, probability in predicted]
            self.waiting += [
                (today, identity, week.outcomes[place]) for place, (identity, _) in zip(places, predicted, strict=True)
            ]
        end = week.first + timedelta(days=7)
        self.tell_until(end - DELAY)
        wait_until(lambda: self.recorded(week.first, end) >= len(week.rows), "the record does not have the whole week")
        happened = codes_of(pd.Series(week.outcomes), self.classes) == self.positive
        here = self.workspace.folder
        report = look(self.store, midnight(week.first), midnight(end), here / CHAMPION, here / FOLDER)
        self.weeks.append(
            {
                "week": week.first.isoformat(),
                "rows": len(week.rows),
                "model": self.client.version(),
                "roc_auc": area_under_roc(happened, np.array(answers)),
                "roc_auc_without": area_under_roc(happened, np.array(week.frozen)),
                "log_loss": loss_of(happened, np.array(answers)),
                "log_loss_without": loss_of(happened, np.array(week.frozen)),
                "observed": float(happened.mean()),
                "predicted": float(np.mean(answers)),
                "predicted_without": float(np.mean(week.frozen)),
                "status": report.status,
                "summary": report.summary,
            }
        )
        self.judge(end)
        ready = self.trained_in_week is None or number - self.trained_in_week >= WEEKS_BETWEEN
        trainings = sum(event["kind"] == "retrain" for event in self.events)
        if report.status == "alarm" and ready and trainings < MOST_TRAININGS:
            self.trained_in_week = number
            self.retrain(end)

    def recorded(self, first: date, end: date) -> int:
        """Return how many predictions the record holds for a week: it is written while the service answers."""
        return sum(request.rows for request in self.store.requests_between(midnight(first), midnight(end)))

    def tell_until(self, day: date) -> None:
        """Bring the outcomes of flights up to a day."""
        known = [(identity, outcome) for when, identity, outcome in self.waiting if when < day]
        self.waiting = [each for each in self.waiting if each[0] >= day]
        self.client.tell(known)

    def retrain(self, today: date) -> None:
        """Train again with all rows whose outcome is known, by the settings that the first search chose."""
        started = time.perf_counter()
        old = self.client.version()
        self.workspace.module("retrain", "--until", (today - DELAY).isoformat())
        promotion = json.loads((self.workspace.folder / REPORTS / "promotion.json").read_text(encoding="utf-8"))
        seconds = time.perf_counter() - started
        self.note("retrain", today, seconds=seconds, verdict=promotion["verdict"], reason=promotion["reason"])
        if promotion["verdict"] in ("production", "baseline"):
            self.wait_for_another(old)

    def judge(self, today: date) -> None:
        """Judge a challenger in shadow mode."""
        if not (self.workspace.folder / "models" / "challenger" / "model.json").exists():
            return
        old = self.client.version()
        verdict, _, reason = self.workspace.module("judge").strip().partition(": ")
        self.note("judge", today, verdict=verdict, reason=reason)
        if verdict == "production":
            self.wait_for_another(old)

    def roll_back(self, today: date) -> None:
        """Take the newest model back, and see the service follow."""
        old = self.client.version()
        self.workspace.module("rollback")
        self.wait_for_another(old)
        self.note("rollback", today, verdict="taken back", reason=f"{old} made way for {self.client.version()}")

    def wait_for_another(self, old: str) -> None:
        """Wait until the service has taken the new model."""
        wait_until(lambda: self.client.version() != old, "the service did not take the new model")

    def note(self, kind: str, today: date, **more: Any) -> None:
        """Note what was done."""
        self.events.append({"kind": kind, "day": today.isoformat(), **more})
        self.store.add_event(kind, self.events[-1])
        tqdm.write(f"{today}  {kind}: {more.get('verdict', '')} - {more.get('reason', '')}")


def draw(weeks: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw ROC AUC by week with and without retraining, alarms and swaps."""
    figure = new_figure(8, 3.8)
    axes = figure.subplots()
    days = np.array([week["week"] for week in weeks], dtype="datetime64[D]")
    served = np.array([week["roc_auc"] for week in weeks])
    axes.plot(days, [week["roc_auc_without"] for week in weeks], color=GREY, label="the first model, never retrained")
    axes.plot(days, served, color=BLUE, label="as served, with retraining")
    alarms = np.array([week["status"] == "alarm" for week in weeks])
    axes.scatter(days[alarms], served[alarms], color=RED, zorder=3, s=18, label="alarm")
    for event in events:
        if event["verdict"] == "production":
            day = np.array([event["day"]] * 2, dtype="datetime64[D]")
            axes.plot(day, [0, 1], color=BLUE, linewidth=1, linestyle=":", transform=axes.get_xaxis_transform())
    axes.set(ylabel="ROC AUC of the week", title="Week by week; dotted: a new model goes into service")
    axes.legend(frameon=False, fontsize=8)
    figure.autofmt_xdate()
    figure.savefig(path, dpi=DOTS_PER_INCH)


def main() -> None:
    """Play, and write the story down."""
    weeks = int(sys.argv[1]) if len(sys.argv) > 1 else None
    started = time.perf_counter()
    params = load_params()
    story = to_play(params, weeks)
    workspace = Workspace.made()
    port = free_port()
    service = workspace.serve(port)
    try:
        client = Client(port)
        wait_until(client.is_ready, "the service did not become ready", seconds=60)
        first = client.version()
        replay = Replay(workspace, client, params)
        passengers = Passengers(port, story[0].rows[0])
        for number, week in enumerate(tqdm(story, unit="week", desc="Weeks")):
            replay.play(number, week)
        passengers.close()
        if client.version() != first:
            replay.roll_back(story[-1].first + timedelta(days=7))
    finally:
        service.terminate()
        service.wait(timeout=30)
    result = {
        "played": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": time.perf_counter() - started,
        "requests_while_playing": passengers.asked,
        "failed": passengers.failed,
        "weeks": replay.weeks,
        "events": replay.events,
    }
    REPORTS.mkdir(exist_ok=True)
    write_atomically(REPORTS / "replay.json", json.dumps(result, indent=2, default=str) + "\n")
    draw(replay.weeks, replay.events, REPORTS / "replay.png")
    seconds = result["seconds"]
    print(f"{len(replay.weeks)} weeks in {seconds:.0f} s; {passengers.failed} of {passengers.asked} requests failed")


if __name__ == "__main__":
    main()
