"""A broken CSV stops the pipeline with one line that says where, and the model in service is not touched."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("tabular_regression")]

# As a spreadsheet counts: the header is row 1.
ROW = 1234


@dataclass
class Table:
    """A CSV file as lists of texts."""

    header: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, path: Path) -> "Table":
        """Read a file."""
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        return cls(header, rows)

    def encoded(self) -> bytes:
        """Return the bytes of the file."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue().encode()

    def index(self, name: str) -> int:
        """Position of a column, by the name that the contract gives it."""
        return [re.sub(r"[^a-z0-9]+", "_", raw.lower()) for raw in self.header].index(name)

    def put(self, name: str, value: str, row: int = ROW) -> bytes:
        """Return the file with one value changed."""
        self.rows[row - 2][self.index(name)] = value
        return self.encoded()


def without(table: Table, name: str) -> bytes:
    """Return the file without a column."""
    position = table.index(name)
    for row in [table.header, *table.rows]:
        del row[position]
    return table.encoded()


def twice(table: Table, name: str) -> bytes:
    """Return the file with the first column renamed to the name of another."""
    table.header[0] = table.header[table.index(name)].upper()
    return table.encoded()


def ragged(table: Table, change: Callable[[list[str]], object]) -> bytes:
    """Return the file with one row of another length."""
    change(table.rows[ROW - 2])
    return table.encoded()


def latin_1(table: Table) -> bytes:
    """Return the file as an old spreadsheet program saves it, with one letter outside of ASCII."""
    return table.put("neighborhood", "Zürich").decode().encode("latin-1")


BROKEN: dict[str, tuple[Callable[[Table], bytes], list[str]]] = {
    "text in a number": (lambda t: t.put("lot_area", "large"), ["'lot_area'", f"row {ROW}:", "'large'"]),
    "a comma in a number": (lambda t: t.put("lot_area", "8,450"), ["'lot_area'", f"row {ROW}:", "'8,450'"]),
    "nothing in a number": (lambda t: t.put("lot_area", ""), ["'lot_area'", f"row {ROW}:", "missing"]),
    "nothing in a category": (lambda t: t.put("ms_zoning", ""), ["'ms_zoning'", f"row {ROW}:", "missing"]),
    "below the minimum": (lambda t: t.put("lot_area", "-1"), ["'lot_area'", f"row {ROW}:", "-1"]),
    "infinite": (lambda t: t.put("lot_area", "inf"), ["'lot_area'", f"row {ROW}:", "inf"]),
    "text in the target": (lambda t: t.put("price", "cheap"), ["'price'", f"row {ROW}:", "'cheap'"]),
    "nothing in the target": (lambda t: t.put("price", ""), ["'price'", f"row {ROW}:", "missing"]),
    "a text too long": (lambda t: t.put("ms_zoning", "x" * 201), ["'ms_zoning'", f"row {ROW}:"]),
    "no such column": (lambda t: without(t, "lot_area"), ["'lot_area'", "missing"]),
    "no target": (lambda t: without(t, "price"), ["'price'"]),
    "two columns of one name": (lambda t: twice(t, "lot_area"), ["lot_area", "row 1"]),
    "a row too long": (lambda t: ragged(t, lambda row: row.append("x")), [f"row {ROW}"]),
    "a row too short": (lambda t: ragged(t, list.pop), [f"row {ROW}"]),
    "the first row of all": (lambda t: t.put("lot_area", "large", row=2), ["'lot_area'", "row 2:"]),
    "empty": (lambda _: b"", []),
    "only a header": (lambda t: Table(t.header, []).encoded(), []),
    "no text": (lambda _: bytes(range(256)) * 100, []),
    "not UTF-8": (latin_1, ["UTF-8", f"row {ROW}"]),
    "a quote that never ends": (lambda t: t.put("lot_area", "1") + b'"never ends', []),
}


def error_line(printed: str) -> str:
    """Return the one line that begins with `error:`; there is no traceback and no second one."""
    assert "Traceback" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    return line


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_table_is_refused_with_column_and_row(owned: Project, damage: str) -> None:
    path = owned.path / owned.read_yaml("params.yaml")["data"]["path"]
    break_it, expected = BROKEN[damage]
    before = files(owned.champion)
    path.write_bytes(break_it(Table.read(path)))
    done = owned.train(check=False)
    assert done.returncode != 0
    line = error_line(done.stdout + done.stderr)
    for part in [str(path.relative_to(owned.path)), *expected]:
        assert part in line
    assert len(line) < 300
    assert files(owned.champion) == before


def test_the_last_good_model_serves_until_the_table_is_mended(quick: Project) -> None:
    path = quick.path / quick.read_yaml("params.yaml")["data"]["path"]
    whole = path.read_bytes()
    with quick.serve() as service, service.client() as client:
        before = client.post("/predict", json=quick.example()).json()
        path.write_bytes(Table.read(path).put("lot_area", "large"))
        assert quick.train(check=False).returncode != 0
        assert client.post("/predict", json=quick.example()).json() == before
    with quick.serve() as restarted, restarted.client() as client:
        assert client.post("/predict", json=quick.example()).json() == before
    path.write_bytes(whole)
    quick.train()
    assert quick.stale_stages() == set()


def test_a_table_that_is_nowhere_is_named(owned: Project) -> None:
    owned.change_params({"data.path": "data/raw/mine.csv", "data.package": None})
    done = owned.train(check=False)
    assert done.returncode != 0
    assert "data/raw/mine.csv" in error_line(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train.sead": 1}, "train.sead"),
        ({"train.interval_level": 1.5}, "train.interval_level"),
        ({"train.search.folds": "four"}, "train.search.folds"),
        ({"split.test": 0}, "split.test"),
    ],
)
def test_a_wrong_parameter_is_named(owned: Project, changes: dict[str, object], named: str) -> None:
    owned.change_params(changes)
    done = owned.train(check=False)
    assert done.returncode != 0
    assert f"'{named}'" in error_line(done.stdout + done.stderr)
