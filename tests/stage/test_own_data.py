"""A stage becomes the owner's by editing `params.yaml`: any CSV with a numeric target, and nothing else changes."""

import csv
import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .project import Project
from .test_broken_data import error_line

pytestmark = [pytest.mark.slow, pytest.mark.stages("tabular_regression")]

Rows = list[dict[str, Any]]


def dice(seed: int) -> random.Random:
    """Return a source of numbers that are the same every time."""
    return random.Random(seed)  # noqa: S311 - nothing here is secret


def only_numbers(seed: int = 0) -> Rows:
    """Fuel use of cars from their weight and power."""
    rng = dice(seed)
    rows = []
    for _ in range(400):
        weight, power = rng.uniform(700, 2500), rng.uniform(40, 300)
        litres = weight * power / 40_000 + (3 if power > 200 else 0) + rng.gauss(0, 0.4)
        rows.append({"weight": round(weight), "power": round(power), "noise": rng.random(), "litres": litres})
    return rows


def only_categories(seed: int = 0) -> Rows:
    """Price of a pizza from what is on it."""
    rng = dice(seed)
    sizes, toppings, cities = {"S": 6, "M": 9, "L": 13}, {"none": 0, "ham": 2, "truffle": 7}, ["Rome", "Oslo", "Lima"]
    rows = []
    for _ in range(400):
        size, topping = rng.choice(list(sizes)), rng.choice(list(toppings))
        price = sizes[size] + toppings[topping] + rng.gauss(0, 0.5)
        rows.append({"size": size, "topping": topping, "city": rng.choice(cities), "price": round(price, 2)})
    return rows


def messy(seed: int = 0) -> Rows:
    """Temperatures below and above zero, in a table as people keep them."""
    rng = dice(seed)
    rows = []
    for number in range(400):
        month, place = (
            rng.randint(1, 12),
            rng.choice(["Zürich", "São Paulo", "東京", "Reykjavík, IS", 'the "old" town']),
        )
        height = rng.choice([None, rng.randint(0, 3000)])
        warmth = {"São Paulo": 12, "東京": 8}.get(place, 0) - abs(month - 7) * 4 - (height or 800) / 200
        rows.append(
            {
                "ID": f"m-{number:05}",
                "Row Number": number + 1,
                "Measured at": f"2024-{month:02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:00:00",
                "Mois (1-12)": month,
                "Höhe über Meer [m]": height,
                "Ort / Place": place,
                "Unit": "Celsius",
                "100% dry?": rng.choice(["True", "False"]),
                "Remark": rng.choice(["", "", "", "rain"]),
                "Δ Temperature °C": round(warmth + 20 + rng.gauss(0, 1.5), 1),
            }
        )
    return rows


TABLES: dict[str, tuple[Callable[[], Rows], str]] = {
    "only numbers": (only_numbers, "litres"),
    "only categories": (only_categories, "price"),
    "messy": (messy, "Δ Temperature °C"),
}


def write_csv(path: Path, rows: Rows) -> None:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_ones_own_needs_no_code(quick: Project, name: str) -> None:
    make, target = TABLES[name]
    write_csv(quick.path / "data" / "mine.csv", make())
    quick.change_params({"data.path": "data/mine.csv", "data.target": target, "data.package": None})
    quick.train()
    assert quick.stale_stages() == set()
    contract = quick.read_yaml("schema.yaml")
    assert contract["source"] == "data/mine.csv"
    assert quick.read_json("reports/promotion.json")["promoted"] is True
    quick.run("python", "-m", f"{quick.package}.report")
    with quick.serve() as service, service.client() as client:
        answer = client.post("/predict", json=quick.example()).json()
        described = client.get("/openapi.json").json()["components"]["schemas"]["Row"]["properties"]
        assert client.post("/explain", json=quick.example()["rows"][0]).status_code == 200
    assert answer["target"] == contract["target"]
    (prediction,) = answer["predictions"]
    assert prediction["lower"] < prediction["prediction"] < prediction["upper"]
    assert set(described) == {column["name"] for column in contract["columns"]}


def test_what_cannot_be_learned_from_is_left_out_with_the_reason(quick: Project) -> None:
    write_csv(quick.path / "data" / "mine.csv", messy())
    quick.change_params({"data.path": "data/mine.csv", "data.target": "Δ Temperature °C", "data.package": None})
    quick.run("dvc", "repro", "data")
    contract = quick.read_yaml("schema.yaml")
    assert set(contract["ignore"]) == {"id", "row_number", "measured_at", "unit"}
    assert all(contract["ignore"].values())
    kinds = {column["name"]: (column["kind"], column.get("nullable", False)) for column in contract["columns"]}
    assert sorted(kinds.values()) == sorted(
        [("number", False), ("number", True), ("category", False), ("category", False), ("category", True)]
    )


def test_noise_is_honestly_not_promoted(quick: Project) -> None:
    """Nothing predicts noise. The model of other data, in service until then, does not answer for the new ones."""
    rng = dice(0)
    rows = [{"a": rng.random(), "b": rng.choice("xyz"), "target": rng.gauss(0, 1)} for _ in range(400)]
    write_csv(quick.path / "data" / "mine.csv", rows)
    before = quick.example()
    quick.change_params({"data.path": "data/mine.csv", "data.target": "target", "data.package": None})
    printed = quick.train().stdout
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is False
    assert "baseline" in decision["reason"]
    assert "Not promoted" in printed
    with quick.serve() as service, service.client() as client:
        answer = client.post("/predict", json=before)
    # It goes on answering what it was asked before, under the name of its own target.
    assert answer.status_code == 200
    assert answer.json()["target"] != "target"


def test_a_table_too_small_says_so(quick: Project) -> None:
    write_csv(quick.path / "data" / "mine.csv", only_numbers()[:5])
    quick.change_params({"data.path": "data/mine.csv", "data.target": "litres", "data.package": None})
    done = quick.train(check=False)
    assert done.returncode != 0
    assert "rows" in error_line(done.stdout + done.stderr)


@pytest.mark.parametrize(("target", "expected"), [("price", "weight"), ("colour", "not a number")])
def test_a_wrong_target_says_what_there_is(quick: Project, target: str, expected: str) -> None:
    rows = [row | {"colour": "red"} for row in only_numbers()]
    write_csv(quick.path / "data" / "mine.csv", rows)
    quick.change_params({"data.path": "data/mine.csv", "data.target": target, "data.package": None})
    line = error_line((done := quick.train(check=False)).stdout + done.stderr)
    assert f"'{target}'" in line
    assert expected in line


# ---------------------------------------------------------------- download


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP, as a stand-in for the site of a data set; yields its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def offered(tmp_path: Path) -> Path:
    """A table on a web site."""
    site = tmp_path / "site"
    site.mkdir()
    write_csv(site / "cars.csv", only_numbers())
    return site / "cars.csv"


def download_params(url: str, sha256: str | None) -> dict[str, Any]:
    """Parameters of data that come from a web site only."""
    data = {"path": "data/raw/cars.csv", "target": "litres", "package": None, "url": url, "sha256": sha256}
    return {f"data.{name}": value for name, value in data.items()}


@pytest.mark.parametrize("checked", [True, False])
def test_a_table_is_downloaded(quick: Project, offered: Path, checked: bool) -> None:
    sha256 = hashlib.sha256(offered.read_bytes()).hexdigest() if checked else None
    with web_server(offered.parent) as address:
        quick.change_params(download_params(f"{address}/cars.csv", sha256))
        quick.run("dvc", "repro", "prepare")
    assert (quick.path / "data" / "raw" / "cars.csv").read_bytes() == offered.read_bytes()


@pytest.mark.parametrize(
    ("name", "sha256", "expected"),
    [("cars.csv", "0" * 64, "checksum"), ("lorries.csv", None, "404"), ("cars.csv", "not a checksum", "checksum")],
)
def test_a_download_that_fails_leaves_nothing(
    quick: Project, offered: Path, name: str, sha256: str | None, expected: str
) -> None:
    raw = quick.path / "data" / "raw"
    before = {path.name for path in raw.iterdir()}
    with web_server(offered.parent) as address:
        quick.change_params(download_params(f"{address}/{name}", sha256))
        done = quick.train(check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "data/raw/cars.csv" in error_line(done.stdout + done.stderr)
    assert expected in done.stderr
    assert {path.name for path in raw.iterdir()} == before


def test_a_site_that_is_down_is_named(quick: Project) -> None:
    quick.change_params(download_params("http://127.0.0.1:9/cars.csv", None))
    done = quick.train(check=False)
    assert done.returncode != 0
    assert "http://127.0.0.1:9/cars.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_download_that_fails_falls_back_to_the_package(quick: Project) -> None:
    raw = quick.read_yaml("params.yaml")["data"]["path"]
    content = (quick.path / raw).read_bytes()
    (quick.path / raw).unlink()
    quick.change_params({"data.url": "http://127.0.0.1:9/ames.csv"})
    quick.run("python", "-m", f"{quick.package}.data")
    assert (quick.path / raw).read_bytes() == content
