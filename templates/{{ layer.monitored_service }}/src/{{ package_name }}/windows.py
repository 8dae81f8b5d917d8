"""Windows of event time out of the store, as tables: the job that monitors and the comparison of models read them.

A window reaches from a time to before another, by the time of the events (departures) and not of the requests: so it is
the same when past months are played at speed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from .contract import Column, names_of
from .store import LoggedRequest, Role, Store


def read_window(
    store: Store, start: datetime, end: datetime, columns: Sequence[Column], role: Role = "champion"
) -> pd.DataFrame:
    """Return the predictions for events from `start` to before `end`; see `explode`.

    Raises:
        OSError: If the store does not answer.
    """
    requests = store.requests_between(start, end, role)
    outcomes = store.outcomes_of([request.request_id for request in requests])
    table = explode(requests, outcomes, columns)
    times = names_of(columns, "time")
    if times:  # a request may hold rows of two windows
        moment = table[times[0]]
        table = table[moment.isna() | ((moment >= start) & (moment < end))]
    return table.reset_index(drop=True)


def explode(requests: Sequence[LoggedRequest], outcomes: Mapping[str, str], columns: Sequence[Column]) -> pd.DataFrame:
    """Turn requests into a table with one row for each prediction.

    Args:
        requests: As the store returns them.
        outcomes: Outcomes that have arrived, by prediction id.
        columns: The data contract: numbers become floats, times times, and all else texts, as in a table that is read.

    Returns:
        The columns, missing where a request had no value, and `prediction_id`, `probability`, `decision`,
        `model_version`, `outcome` (None where it has not arrived).
    """
    rows = [row for request in requests for row in json.loads(request.features)]
    table = pd.DataFrame({column.name: typed([row.get(column.name) for row in rows], column) for column in columns})
    ids = [f"{request.request_id}-{place}" for request in requests for place in range(request.rows)]
    table["prediction_id"] = pd.Series(ids, dtype="object")
    table["probability"] = pd.Series([p for each in requests for p in json.loads(each.answers)], dtype="float64")
    table["decision"] = pd.Series([d for each in requests for d in json.loads(each.decisions)], dtype="object")
    versions = [each.model_version for each in requests for _ in range(each.rows)]
    table["model_version"] = pd.Series(versions, dtype="object")
    table["outcome"] = pd.Series([outcomes.get(prediction_id) for prediction_id in ids], dtype="object")
    return table


def typed(values: Sequence[Any], column: Column) -> pd.Series:
    """Return the values of a column in the type that its kind has."""
    if column.kind == "number":
        return pd.Series(values, dtype="float64")
    if column.kind == "time":
        return pd.to_datetime(pd.Series(values, dtype="object"), format="ISO8601")
    return pd.Series(values, dtype="str")
