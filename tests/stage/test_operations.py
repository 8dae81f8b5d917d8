"""What surrounds a monitored service: metrics, alerts, the dashboard, Compose, Kubernetes, schedules, the load test.

Prometheus and Alertmanager are real ones, of Debian's packages `prometheus` and `prometheus-alertmanager`.
"""

import csv
import json
import re
import runpy
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml
from contract import PAIRWISE, label
from needed import program

from .conftest import free_port
from .project import Project
from .service import Service

KUBERNETES = "1.37"
PATIENCE_SECONDS = 120
# In a query of Grafana, what Grafana fills in; and a stand-in.
FILLED_IN = {"$__rate_interval": "1m", "$feature": "temp"}
WORDS_OF_PROMQL = {"and", "or", "unless", "bool", "offset"}
# Metrics of Prometheus itself.
PROMETHEUS_OWN = {"up", "ALERTS"}
# Variables that other programs read: PostgreSQL's client, and whatever keeps a cache at home.
VARIABLES_OF_OTHERS = {"PGPASSWORD", "HOME"}

# A service in which the temperature drifts, and the carrier does not.
DRIFTING = """
# TYPE drift_psi gauge
drift_psi{feature="temp"} 0.3
drift_psi{feature="carrier"} 0.01
drift_psi{feature="probability"} 0.01
# TYPE drift_threshold gauge
drift_threshold{feature="temp"} 0.1
drift_threshold{feature="carrier"} 0.1
drift_threshold{feature="probability"} 0.1
# TYPE model_info gauge
model_info{role="champion",version="1"} 1
# TYPE prediction_log_store_up gauge
prediction_log_store_up 1
"""


@pytest.fixture(scope="module")
def project(render: Any) -> Path:
    """A new project; only files: nothing is installed."""
    return Path(render(stage="monitored_service", ci="github"))


@pytest.fixture(scope="module")
def rules(project: Path) -> list[dict[str, Any]]:
    """All rules."""
    read = yaml.safe_load((project / "monitoring" / "rules.yml").read_text("utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def dashboard(project: Path) -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads((project / "monitoring/grafana/dashboards/service.json").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus' tool that checks files."""
    return program("prometheus", "promtool")


@pytest.fixture(scope="module")
def amtool() -> str:
    """Alertmanager's tool that checks files."""
    return program("prometheus-alertmanager", "amtool")


def succeed(*command: str, folder: Path) -> str:
    """Run a command, which must succeed; returns what it prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queries_of(dashboard: dict[str, Any]) -> list[str]:
    """Return every query of the dashboard, as Grafana would send it."""
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for name, value in FILLED_IN.items():
        found = [query.replace(name, value) for query in found]
    return found


def metrics_in(query: str) -> set[str]:
    """Return the names of the metrics that a query reads."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", query)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = set(re.findall(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\()\b(?!\s*\()", bare))
    return names - WORDS_OF_PROMQL


def metrics_of(text: str) -> set[str]:
    """Return the names of the series that a service offers, those without a value yet among them."""
    found = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + part for part in parts}
    return found


# ------------------------------------------------------------------ Prometheus and Alertmanager


# Tests with Prometheus' programs are slow ones: those run on Linux, where the programs can be installed.


@pytest.mark.slow
@pytest.mark.parametrize("answers", [each for each in PAIRWISE if each["stage"] == "monitored_service"], ids=label)
def test_prometheus_accepts_its_configuration_and_rules_whatever_was_answered(
    answers: dict[str, str], render: Any, promtool: str
) -> None:
    folder = Path(render(**answers)) / "monitoring"
    assert "SUCCESS" in succeed(promtool, "check", "config", "prometheus.yml", folder=folder)
    assert "SUCCESS" in succeed(promtool, "check", "rules", "rules.yml", folder=folder)


@pytest.mark.slow
def test_the_alerts_fire_as_their_tests_say(project: Path, promtool: str) -> None:
    assert "SUCCESS" in succeed(promtool, "test", "rules", "rules_test.yml", folder=project / "monitoring")


def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(
    project: Path, rules: list[dict[str, Any]]
) -> None:
    tests = yaml.safe_load((project / "monitoring" / "rules_test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    assert fired == alerts
    healthy = tests[0]
    assert {"expr": "ALERTS", "eval_time": "20m"} in healthy["promql_expr_test"]  # none of all
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert alerts - silent <= {"ModelNotLoaded"}  # whose test has a replica that is well


def test_each_alert_says_what_is_wrong_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        if "alert" in rule:
            assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
            assert rule["labels"]["severity"] in {"warning", "critical"}


@pytest.mark.slow
def test_alertmanager_accepts_its_configuration_and_tells_people(project: Path, amtool: str) -> None:
    folder = project / "monitoring"
    assert "SUCCESS" in succeed(amtool, "check-config", "alertmanager.yml", folder=folder)
    for severity in ("warning", "critical"):
        routes = [amtool, "config", "routes", "test", "--config.file=alertmanager.yml", f"severity={severity}"]
        assert succeed(*routes, folder=folder).strip() == "people"


@contextmanager
def answering(handle: Callable[[bytes], str]) -> Iterator[int]:
    """Run a server whose answers `handle(body)` gives; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = handle(self.rfile.read(int(self.headers.get("Content-Length", 0)))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(*command: str, log: Path) -> Iterator[None]:
    """Run a program for the length of a `with` block."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def wait_for(found: Callable[[], Any], *logs: Path) -> Any:
    """Wait until a call returns something true, and return that."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if result := found():
                return result
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError("\n".join(path.read_text(encoding="utf-8")[-3000:] for path in logs))


@pytest.mark.slow
def test_drift_reaches_people(project: Path, dashboard: dict[str, Any], tmp_path: Path) -> None:
    """A metric of the service becomes a sentence in the log: through Prometheus, Alertmanager and the receiver."""
    prometheus = program("prometheus", "prometheus")
    alertmanager = program("prometheus-alertmanager", "prometheus-alertmanager")
    received: list[dict[str, Any]] = []

    def take(body: bytes) -> str:
        received.append(json.loads(body))
        return ""

    folder = tmp_path / "monitoring"
    shutil.copytree(project / "monitoring", folder)
    ports = {"prometheus": free_port(), "alertmanager": free_port()}
    logs = [tmp_path / "prometheus.log", tmp_path / "alertmanager.log"]
    with answering(lambda _: DRIFTING) as service, answering(take) as people:
        for name, old, port in (
            ("prometheus.yml", "service:8000", service),
            ("prometheus.yml", "alertmanager:9093", ports["alertmanager"]),
            ("alertmanager.yml", "alerts:8001", people),
        ):
            text = (folder / name).read_text("utf-8")
            assert old in text
            (folder / name).write_text(text.replace(old, f"127.0.0.1:{port}"), "utf-8")
        started = [
            running(
                prometheus,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
                log=logs[0],
            ),
            running(
                alertmanager,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                "--cluster.listen-address=",
                log=logs[1],
            ),
        ]
        with started[0], started[1], httpx.Client(base_url=f"http://127.0.0.1:{ports['prometheus']}") as client:
            wait_for(lambda: received, *logs)
            for query in queries_of(dashboard):
                assert client.get("/api/v1/query", params={"query": query}).json()["status"] == "success", query
            firing = client.get("/api/v1/query", params={"query": 'ALERTS{alertstate="firing"}'}).json()
    names = {(each["metric"]["alertname"], each["metric"].get("feature")) for each in firing["data"]["result"]}
    assert names == {("FeatureDrift", "temp")}
    (script,) = (project / "src").glob("*/alerts.py")
    (line,) = runpy.run_path(str(script))["lines_of"](received[0])
    assert line.startswith("WARNING FeatureDrift: temp is not as it was in training: 3.0 times the threshold.")


# ------------------------------------------------------------------ the dashboard


@pytest.mark.slow
def test_the_queries_of_the_dashboard_are_valid(dashboard: dict[str, Any], promtool: str, tmp_path: Path) -> None:
    recorded = [{"record": f"query{number}", "expr": query} for number, query in enumerate(queries_of(dashboard))]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}), "utf-8")
    succeed(promtool, "check", "rules", "queries.yml", folder=tmp_path)


def test_the_dashboard_reads_the_source_that_is_provisioned(project: Path, dashboard: dict[str, Any]) -> None:
    folder = project / "monitoring" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text("utf-8"))["datasources"]
    used = set(re.findall(r'"type": "prometheus", "uid": "(\w+)"', json.dumps(dashboard)))
    assert used == {source["uid"]}
    (provider,) = yaml.safe_load((folder / "dashboards" / "files.yaml").read_text("utf-8"))["providers"]
    mounted = yaml.safe_load((project / "compose.monitoring.yaml").read_text("utf-8"))["services"]["grafana"]
    assert f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro" in mounted["volumes"]


def test_the_panels_of_the_dashboard_do_not_overlap(dashboard: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.slow
@pytest.mark.stages("monitored_service")
def test_what_rules_and_dashboard_read_is_what_the_service_offers(
    service: Service, rules: list[dict[str, Any]], dashboard: dict[str, Any]
) -> None:
    with service.client() as client:
        offered = metrics_of(client.get("/metrics").text)
    recorded = {rule["record"] for rule in rules if "record" in rule}
    read = set().union(*(metrics_in(query) for query in [rule["expr"] for rule in rules] + queries_of(dashboard)))
    assert read - offered - recorded - PROMETHEUS_OWN == set()
    assert recorded <= read  # nothing is recorded that nobody looks at


# ------------------------------------------------------------------ Compose and Kubernetes


def test_compose_starts_all_of_it_together(project: Path) -> None:
    files = [
        yaml.safe_load((project / name).read_text("utf-8")) for name in ("compose.yaml", "compose.monitoring.yaml")
    ]
    services = files[1]["services"]
    assert set(services) == {"service", "postgres", "prometheus", "alertmanager", "alerts", "grafana"}
    assert "service" in files[0]["services"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert source == "./models" or (project / source).exists(), source
            else:
                assert source in files[1]["volumes"], source
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert re.search(r":v?\d+\.\d+", service.get("image", "built:1.0")), f"{name}: no version"
    configured = "".join(path.read_text("utf-8") for path in (project / "monitoring").rglob("*.y*ml"))
    assert set(re.findall(r"(?:targets: \[\"|url: http://)(\w+):\d+", configured)) <= set(services)


def test_docker_accepts_the_files_of_compose(project: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("no docker compose")  # it may be missing: the files are looked at above
    both = ["-f", "compose.yaml", "-f", "compose.monitoring.yaml"]
    merged = yaml.safe_load(succeed("docker", "compose", *both, "config", folder=project))
    service = merged["services"]["service"]
    assert service["environment"]["DATABASE_URL"].startswith("postgresql://")
    assert service["read_only"]


def manifests(project: Path) -> list[dict[str, Any]]:
    """All objects for Kubernetes."""
    folder = project / "kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {path.name for path in folder.iterdir()} == {*names, "kustomization.yaml"}
    return [each for name in names for each in yaml.safe_load_all((folder / name).read_text("utf-8"))]


def pods(project: Path) -> dict[str, dict[str, Any]]:
    """What runs, by the name of the object that runs it."""
    found = {}
    for each in manifests(project):
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[each["metadata"]["name"]] = spec["template"]["spec"]
    return found


def test_the_manifests_have_the_schema_of_kubernetes(project: Path) -> None:
    found = manifests(project)
    for each in found:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    kinds = {each["kind"] for each in found}
    assert kinds >= {"Deployment", "Service", "HorizontalPodAutoscaler", "CronJob", "PersistentVolumeClaim"}


def test_kubectl_puts_the_manifests_together(project: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl")  # it may be missing: the parts are looked at above
    built = succeed("kubectl", "kustomize", "kubernetes", folder=project)
    images = set(re.findall(r"image: (\S+)", built))
    assert len(images) == 3
    assert all(re.search(r":v?\d+", image) for image in images)


def test_nothing_on_kubernetes_has_more_rights_than_it_needs(project: Path) -> None:
    for name, pod in pods(project).items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_kubernetes_asks_what_the_service_answers(project: Path) -> None:
    (container,) = pods(project)["prediction-service"]["containers"]
    asked = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert asked == {"startup": "/health", "readiness": "/ready", "liveness": "/health"}
    assert container["ports"][0]["containerPort"] == 8000


def test_what_is_set_are_settings(project: Path) -> None:
    (source,) = (project / "src").glob("*/settings.py")
    settings = {name.upper() for name in re.findall(r"^    (\w+): ", source.read_text("utf-8"), re.MULTILINE)}
    given = {
        variable["name"]
        for name in ("prediction-service", "monitor")
        for variable in pods(project)[name]["containers"][0]["env"]
    }
    compose = yaml.safe_load((project / "compose.monitoring.yaml").read_text("utf-8"))["services"]["service"]
    assert (given | set(compose["environment"])) - VARIABLES_OF_OTHERS <= settings


def test_the_jobs_run_what_is_there(project: Path) -> None:
    (container,) = pods(project)["monitor"]["containers"]
    package = next((project / "src").iterdir())
    assert container["command"] == ["python", "-m", f"{package.name}.monitor"]
    assert (package / "monitor.py").exists()
    dockerfile = (project / "Dockerfile").read_text("utf-8")
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE))
    header = (project / "kubernetes" / "kustomization.yaml").read_text("utf-8")
    assert set(re.findall(r"--target (\S+)", header)) <= targets


# ------------------------------------------------------------------ schedules and load


def test_scheduled_jobs_run_tasks_of_the_project(render: Any) -> None:
    for ci, name in (("github", ".github/workflows/monitor.yml"), ("gitlab", ".gitlab-ci.yml")):
        project = Path(render(stage="monitored_service", ci=ci))
        text = (project / name).read_text("utf-8")
        pyproject = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
        tasks = set(re.findall(r"uv run poe (\w+)", text))
        assert "monitor" in tasks
        assert tasks <= set(pyproject["tool"]["poe"]["tasks"])
        assert set(re.findall(r"--group (\w+)", text)) <= set(pyproject["dependency-groups"])


def test_the_steps_of_the_workflow_are_valid_shell(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github" / "workflows" / "monitor.yml").read_text("utf-8"))
    for step in workflow["jobs"]["monitor"]["steps"]:
        if "run" in step:
            succeed("bash", "-n", "-c", step["run"], folder=project)


@pytest.mark.slow
@pytest.mark.stages("monitored_service")
def test_the_load_test_counts_answers(trained: Project, service: Service, uv: str, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    variables = trained.variables | {"UV_PROJECT_ENVIRONMENT": str(environment)}
    sync = [uv, "sync", "--quiet", "--no-default-groups", "--group", "load", "--no-install-project"]
    subprocess.run(sync, cwd=trained.path, env=variables, check=True)
    figures = tmp_path / "load_stats.csv"
    load = [str(environment / "bin" / "locust"), "--headless", "--users", "4", "--run-time", "300s", "--only-summary"]
    load += ["--spawn-rate", "4", "--host", service.url, "--csv", str(tmp_path / "load")]
    running = subprocess.Popen(load, cwd=trained.path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # The figures are written every second; a busy machine gets the time that it needs.
    while running.poll() is None and not enough(requests_by_name(figures)):
        time.sleep(0.5)
    running.terminate()
    said, _ = running.communicate()
    rows = requests_by_name(figures)
    assert enough(rows), said.decode()
    assert int(rows["Aggregated"]["Failure Count"]) == 0, said.decode()


def requests_by_name(figures: Path) -> dict[str, dict[str, str]]:
    """Return Locust's figures of each kind of request; none before it has written any."""
    if not figures.exists():
        return {}
    with figures.open(encoding="utf-8", newline="") as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def enough(rows: dict[str, dict[str, str]]) -> bool:
    """Say whether both kinds of client have been answered a few times."""
    counts = {name: int(row["Request Count"]) for name, row in rows.items()}
    return counts.get("/predict, rows: 1", 0) > 10 and counts.get("/predict, rows: 1000", 0) > 1
