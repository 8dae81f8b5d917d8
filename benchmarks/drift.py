# /// script
# requires-python = ">=3.11"
# dependencies = ["evidently>=0.7.23,<0.8", "numpy>=2.4,<3", "pandas>=3,<3.1", "pydantic>=2.14,<3"]
# ///
"""How fast are the drift counters of the stage `monitored_service`, and do they flag what Evidently does?

`uv run benchmarks/drift.py` gives both the same 30 columns of 10,000 rows, of which eight have drifted: Evidently's
DataDriftPreset with its own choice of tests, and the modules of the template as the service uses them, from the rows of
requests to the columns that are flagged. Both run in this process, in turn; a figure is the median of the rounds.
Evidently 0.7.23 does not import under pandas 3.1, so an older one is taken here.
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from common import ROOT, fresh_folder, median, publish, table, verdict

SOURCE = ROOT / "templates" / "{{ layer.monitored_service }}" / "src" / "{{ package_name }}"
MODULES = ("bins", "drift", "drift_counter", "false_alarms", "performance")
SHARED = ROOT / "templates" / "{{ layer.features }}" / "src" / "{{ package_name }}" / "decision.py"
ROWS, NUMBERS, CATEGORIES = 10_000, 20, 10
SHIFTED = [f"number_{place}" for place in range(5)]
REWEIGHTED = [f"category_{place}" for place in range(3)]
DAYS = 2
TIMES_AS_FAST = 100


def make_table(seed: int, drifted: bool) -> pd.DataFrame:
    """Make columns of several shapes, some of which drift by half a standard deviation or more."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for place in range(NUMBERS):
        values = rng.normal(size=ROWS) if place % 2 else rng.gamma(2, 1, ROWS)
        name = f"number_{place}"
        columns[name] = values + 0.5 * values.std() * (drifted and name in SHIFTED)
    for place in range(CATEGORIES):
        name, kinds = f"category_{place}", 3 + 2 * place
        weights = np.arange(kinds, 0, -1) ** (2.0 if drifted and name in REWEIGHTED else 1.0)
        columns[name] = rng.choice([f"kind {kind}" for kind in range(kinds)], ROWS, p=weights / weights.sum())
    return pd.DataFrame(columns)


def import_template() -> tuple[Any, Any, Any]:
    """Import the template's modules, as a package of their own."""
    package = fresh_folder("drift") / "monitored"
    package.mkdir()
    (package / "__init__.py").touch()
    for path in (*(SOURCE / f"{name}.py" for name in MODULES), SHARED):
        shutil.copyfile(path, package / path.name)
    sys.path.insert(0, str(package.parent))
    bins, drift, counter = (importlib.import_module(f"monitored.{name}") for name in MODULES[:3])
    return bins, drift, counter


def make_reference(bins: Any, drift: Any, past: pd.DataFrame) -> Any:
    """Count a table without a time, and probabilities that do not matter here."""
    values = {name: past[name].to_numpy() for name in past} | {drift.PROBABILITY: np.full(ROWS, 0.5)}
    day = np.arange(ROWS) % DAYS
    daily, watched = {}, []
    for name, column in values.items():
        each = bins.bins_of(name, "category" if name.startswith("category") else "number", column)
        cells = np.bincount(day * each.size + each.codes(column), minlength=DAYS * each.size)
        daily[name] = cells.reshape(DAYS, each.size).tolist()
        watched.append(each)
    scores = np.zeros((DAYS, 2, 100), dtype=int)
    scores[:, :, 50] = ROWS // DAYS // 2
    return drift.Reference(
        time=None,
        first_day=date(2013, 1, 1),
        rate=0.05,
        watched=watched,
        daily=daily,
        novel={},
        scores=scores.tolist(),
    )


def seconds(work: Callable[[], Any], rounds: int) -> list[float]:
    """Measure something several times, once without counting."""
    work()
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    past, now = make_table(0, drifted=False), make_table(1, drifted=True)

    importing = [sys.executable, "-c", "import evidently, evidently.presets"]
    import_s = median(seconds(lambda: subprocess.run(importing, check=True), 3))  # noqa: S603
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(
        numerical_columns=[name for name in past if name.startswith("number")],
        categorical_columns=[name for name in past if name.startswith("category")],
    )

    def evidently() -> list[str]:
        before, after = (Dataset.from_pandas(each, data_definition=definition) for each in (past, now))
        found = Report([DataDriftPreset()]).run(after, before).dict()
        return sorted(flagged_by_evidently(found))

    bins, drift, counting = import_template()
    reference = make_reference(bins, drift, past)
    rows = now.to_dict("records")
    probabilities = [0.5] * ROWS
    arrays = {name: now[name].to_numpy() for name in now} | {drift.PROBABILITY: np.full(ROWS, 0.5)}

    def ours() -> list[str]:
        counter = counting.DriftCounter(reference, capacity=ROWS)
        for start in range(0, ROWS, 1000):
            counter.add(rows[start : start + 1000], probabilities[start : start + 1000])
        return sorted(counter.look().flagged)

    fresh = [make_reference(bins, drift, past) for _ in range(rounds + 1)]

    theirs, mine = evidently(), ours()
    planted = sorted(SHIFTED + REWEIGHTED)
    times = {
        "evidently": seconds(evidently, rounds),
        "ours": seconds(ours, rounds),
        "arrays": seconds(lambda: reference.psi(reference.counts(arrays)), rounds),
        "limits": seconds(lambda: fresh.pop().limits(1, ROWS), rounds),
    }
    ratio = median(times["evidently"]) / median(times["ours"])
    same = theirs == mine
    speed = [
        ["Evidently's DataDriftPreset", f"{median(times['evidently']) * 1000:,.0f}", "1"],
        [
            f"**DriftCounter, from rows to flagged columns** (target: {TIMES_AS_FAST} times as fast: "
            f"{verdict(ratio >= TIMES_AS_FAST)})",
            f"**{median(times['ours']) * 1000:.1f}**",
            f"**{ratio:.0f}**",
        ],
        [
            "counts and PSI of columns that are arrays already",
            f"{median(times['arrays']) * 1000:.1f}",
            f"{median(times['evidently']) / median(times['arrays']):.0f}",
        ],
        ["limits, once for each size of window", f"{median(times['limits']) * 1000:.1f}", ""],
        ["import of Evidently", f"{import_s * 1000:,.0f}", ""],
    ]
    flags = [
        ["Evidently's DataDriftPreset", str(len(theirs)), str(len(set(theirs) & set(planted)))],
        [
            f"DriftCounter (target: the same columns: {verdict(same)})",
            str(len(mine)),
            str(len(set(mine) & set(planted))),
        ],
    ]
    columns = NUMBERS + CATEGORIES
    publish(
        "drift",
        f"{columns} columns, {ROWS} rows against {ROWS}; median of {rounds} rounds. Evidently {version('evidently')}, "
        f"numpy {version('numpy')}, pandas {version('pandas')}.",
        [
            table(f"Drift of {columns} columns, {ROWS} rows", ["", "ms", "times as fast"], speed),
            table(
                f"Columns flagged, of {columns}; {len(planted)} have drifted", ["", "flagged", "of them drifted"], flags
            ),
        ],
        {"seconds": times, "import_s": import_s, "evidently": theirs, "ours": mine, "planted": planted},
    )


def flagged_by_evidently(found: dict[str, Any]) -> list[str]:
    """Read from a report which columns have drifted, by the threshold of the test that Evidently chose."""
    flagged = []
    for metric in found["metrics"]:
        config = metric["config"]
        if config["type"].endswith("ValueDrift"):
            value, threshold = metric["value"], config["threshold"]
            if value < threshold if "p_value" in config["method"] else value > threshold:
                flagged.append(config["column"])
    return flagged


if __name__ == "__main__":
    main()
