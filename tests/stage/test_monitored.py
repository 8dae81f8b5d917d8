"""The monitored service: half a year in a replay, an alarm, a retraining, a swap, and the way back."""

import csv
import re

import pytest
from playwright.sync_api import Browser, expect

from .pages import SCREENS, barriers, watched_page
from .project import Project

pytestmark = [pytest.mark.slow, pytest.mark.stages("monitored_service")]

WEEKS = 3


@pytest.fixture
def in_another_world(quick: Project) -> Project:
    """A quick project in which one airline flies everything from July on."""
    path = quick.path / "data" / "raw" / "flights.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["sched_dep"] >= "2013-07-01":
            row["carrier"] = "EV"
    path.unlink()  # it may be a link into DVC's cache
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    quick.train()
    return quick


def test_drift_is_seen_and_acted_on_without_losing_a_request(in_another_world: Project, browser: Browser) -> None:
    project = in_another_world
    before = {path: path.read_bytes() for path in (project.path / "models").rglob("*") if path.is_file()}
    params = (project.path / "params.yaml").read_bytes()
    project.run("python", "-m", f"{project.package}.replay", str(WEEKS))
    story = project.read_json("reports/replay.json")
    assert story["failed"] == 0
    assert story["requests_while_playing"] > 10
    assert len(story["weeks"]) == WEEKS
    first = story["weeks"][0]
    assert first["status"] == "alarm"
    assert any("carrier" in problem for problem in first["summary"]["problems"]["feature_drift"])
    (training,) = [event for event in story["events"] if event["kind"] == "retrain"]
    assert training["verdict"] in {"production", "shadow", "baseline", "keep"}
    assert (project.path / "reports" / "replay.png").stat().st_size > 10_000
    # The project itself is as it was.
    assert (project.path / "params.yaml").read_bytes() == params
    assert {path: path.read_bytes() for path in before} == before
    look_at_the_page(project, browser)
    project.run("python", "-m", f"{project.package}.report")
    assert f"{WEEKS} weeks with" in (project.path / "README.md").read_text(encoding="utf-8")


def look_at_the_page(project: Project, browser: Browser) -> None:
    """What the replay recorded is on the monitoring page, which has no barriers and says when the service is gone."""
    record = project.path / "build" / "replay" / "monitoring.db"
    with project.serve(DATABASE_URL=f"sqlite:///{record}") as service:
        for screen in SCREENS.values():
            with watched_page(browser, service, "/monitoring", **screen) as page:
                expect(page.locator("#status")).to_have_text(re.compile("Alarm|Nothing unusual"))
                expect(page.locator("#events")).to_contain_text("retrain")
                assert page.locator("#auc polyline, #shares polyline").count() == 3
                assert barriers(page) == []
                page.route("**/*", lambda call: call.abort())
                expect(page.get_by_role("alert")).to_contain_text("does not answer")
                assert barriers(page) == []
        with watched_page(browser, service, "/monitoring") as page:  # after the first of all reports
            data = page.request.get(f"{service.url}/monitoring/data").json()
            first = data | {"windows": data["windows"][:1]}
            page.route("**/monitoring/data", lambda call: call.fulfill(json=first))
            expect(page.locator("#shares circle.line")).to_have_count(2)


def test_a_rollback_without_an_earlier_model_says_so(owned: Project) -> None:
    done = owned.run("python", "-m", f"{owned.package}.rollback", check=False)
    assert done.returncode != 0
    assert "error: there is no model before this one" in done.stderr


def test_without_a_challenger_there_is_nothing_to_judge(owned: Project) -> None:
    done = owned.run("python", "-m", f"{owned.package}.judge", check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("error: no challenger")
