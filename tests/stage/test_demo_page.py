"""The demo page of a table model in a real browser: it predicts, follows the person's changes, says what is wrong."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .pages import watched_page
from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="tabular")]


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The demo with its first prediction."""
    with watched_page(browser, service) as opened:
        expect(opened.locator("#prediction")).to_contain_text(re.compile(r"\d"))
        yield opened


def numbers(trained: Project) -> list[str]:
    """Names of the features that are numbers, the one that matters most first."""
    kinds = {column["name"]: column["kind"] for column in trained.read_yaml("schema.yaml")["columns"]}
    ranking = (trained.path / "reports" / "importance.csv").read_text(encoding="utf-8").splitlines()[1:]
    names = [line.split(",")[0] for line in ranking]
    return [name for name in names if kinds.get(name) == "number"]


def predicted(service: Service, rows: Any) -> float:
    """What the service predicts for a request of one row: a number, or a percentage."""
    with service.client() as client:
        (answer,) = client.post("/predict", json=rows).json()["predictions"]
    return float(100 * answer["probability"] if "probability" in answer else answer["prediction"])


def change_that_counts(trained: Project, service: Service) -> tuple[str, str]:
    """Name of a number, and another value of it with which the service predicts something else."""
    rows = trained.example()
    (row,) = rows["rows"]
    before = predicted(service, rows)
    for name in numbers(trained):
        value = row[name] * 2 + 1
        if predicted(service, {"rows": [row | {name: value}]}) != pytest.approx(before, rel=0.05):
            return name, str(value)
    raise AssertionError("twice as much of no number changes the prediction by a twentieth")


def shown_number(page: Page) -> float:
    """The prediction that the page shows."""
    text = page.locator("#prediction").inner_text()
    return float("".join(sign for sign in text if sign in "0123456789.-"))


def test_it_shows_what_the_service_predicts(page: Page, service: Service, trained: Project) -> None:
    assert shown_number(page) == pytest.approx(predicted(service, trained.example()), rel=1e-2)
    assert page.locator("#detail").inner_text()
    assert page.locator("#drivers > li").count() >= 3
    columns = {column["name"] for column in trained.read_yaml("schema.yaml")["columns"]}
    named = page.locator("#form [name]").evaluate_all("fields => fields.map(field => field.name)")
    assert set(named) == columns


def test_a_change_changes_the_prediction(page: Page, service: Service, trained: Project) -> None:
    before = page.locator("#prediction").inner_text()
    name, value = change_that_counts(trained, service)
    field = page.locator(f'#form [name="{name}"]')
    original = field.input_value()
    field.fill(value)
    expect(page.locator("#prediction")).not_to_have_text(before)
    field.fill(original)
    expect(page.locator("#prediction")).to_have_text(before)


def test_an_error_is_said_and_goes_away(page: Page, trained: Project) -> None:
    name = numbers(trained)[0]
    field = page.locator(f'#form [name="{name}"]')
    original = field.input_value()
    message = page.locator("#message")
    assert message.get_attribute("role") == "alert"
    expect(message).to_be_hidden()
    field.fill("-5")
    expect(message).to_be_visible()
    expect(message).to_contain_text(name)
    field.fill(original)
    expect(message).to_be_hidden()
