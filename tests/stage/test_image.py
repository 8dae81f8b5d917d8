"""The image: built and run as the documents say, locked down, small, and answering what the project answers."""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from needed import lacks
from pairs import tried

from .conftest import free_port
from .project import Project, comparable
from .test_serving_process import training_only

pytestmark = [pytest.mark.slow, pytest.mark.docker]

# What comes on top in some stages: Pillow and the parser of forms; tokenizers, which asks for the client of the Hub;
# llama.cpp and the weights of two models; SQLAlchemy, PostgreSQL's client and OpenTelemetry.
SIZE_LIMIT = {
    "image_classifier": 500_000_000,
    "text_generation": 500_000_000,
    "rag": 900_000_000,
    "monitored_service": 500_000_000,
}
USUAL_SIZE_LIMIT = 450_000_000
PATIENCE_SECONDS = 180
SECRET = f"secret-{uuid.uuid4().hex}"
# What compose.yaml grants the service: nothing.
LOCKED_DOWN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]


def docker(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a docker command; its failure fails the test and shows what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"docker {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine; CI must have one."""
    try:
        answers = docker("info", check=False).returncode == 0
    except FileNotFoundError:
        answers = False
    if not answers:
        lacks("no Docker engine answers")


@pytest.fixture(scope="module")
def built(
    engine: None, trained: Project, uv: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, str]]:
    """The project with a secret in its .env, and the name of the image that was built from it."""
    del engine
    project = trained.copy_to(tmp_path_factory.mktemp("image") / "project")
    project.lock_for_the_image(uv)
    (project.path / ".env").write_text(f"API_KEY={SECRET}\n", encoding="utf-8")
    name = f"stage-test-{uuid.uuid4().hex[:8]}"
    docker("build", "--quiet", "--tag", name, ".", cwd=project.path)
    yield project, name
    docker("image", "rm", "--force", name)


@pytest.fixture(scope="module")
def container(built: tuple[Project, str]) -> Iterator[str]:
    """A running container of the image, with no privileges; tests only ask it."""
    name = start(*built)
    yield name
    docker("rm", "--force", name)


def start(project: Project, image: str, *options: str) -> str:
    """Start a container and wait until its own health check says that it is healthy."""
    limits = [*LOCKED_DOWN, "--memory", project.memory_limit()]
    name = docker("run", "--detach", "--publish", "127.0.0.1::8000", *limits, *options, image).stdout.strip()
    end = time.monotonic() + PATIENCE_SECONDS
    while (state := inspect(name, ".State.Health.Status")) != "healthy":
        if time.monotonic() > end or inspect(name, ".State.Running") != "true":
            logs = docker("logs", name)
            docker("rm", "--force", name)
            raise AssertionError(f"the container is {state}:\n{logs.stdout}\n{logs.stderr}")
        time.sleep(0.5)
    tried("run in a container", stage=project.stage)
    return name


def inspect(name: str, field: str) -> str:
    """Read one field of what Docker knows of a container or image."""
    return docker("inspect", "--format", f"{{{{{field}}}}}", name).stdout.strip()


def address(container: str) -> str:
    """Where a container's service is published."""
    return "http://" + docker("port", container, "8000/tcp").stdout.strip().splitlines()[0]


def test_it_predicts_what_the_project_predicts(container: str, trained: Project, owned: Project, verb: str) -> None:
    answer = httpx.post(address(container) + verb, json=trained.example(), timeout=60)
    assert answer.status_code == 200
    with owned.serve() as service, service.client() as client:
        assert comparable(client.post(verb, json=trained.example()).json()) == comparable(answer.json())
    assert httpx.get(address(container) + "/ready", timeout=60).status_code == 200
    assert "<html" in httpx.get(address(container), timeout=60).text


def test_it_is_not_root_and_cannot_write(container: str) -> None:
    assert docker("exec", container, "id", "-u").stdout.strip() not in {"", "0"}
    for path in ("/app/x", "/home/app/x", "/usr/local/x"):
        assert docker("exec", container, "touch", path, check=False).returncode != 0
    capabilities = docker("exec", container, "grep", "CapEff", "/proc/1/status").stdout.split()[1]
    assert int(capabilities, 16) == 0


def test_it_stops_with_0_in_time(built: tuple[Project, str]) -> None:
    name = start(*built)
    try:
        docker("stop", "--time", "10", name)
        assert inspect(name, ".State.ExitCode") == "0"
        assert inspect(name, ".State.OOMKilled") == "false"
    finally:
        docker("rm", "--force", name)


def test_settings_come_from_the_environment(built: tuple[Project, str], verb: str) -> None:
    project, image = built
    name = start(project, image, "--env", "API_KEY=other")
    try:
        url = address(name) + verb
        assert httpx.post(url, json=project.example(), timeout=60).status_code == 401
        answer = httpx.post(url, json=project.example(), headers={"X-API-Key": "other"}, timeout=60)
        assert answer.status_code == 200
    finally:
        docker("rm", "--force", name)


def test_it_is_small(built: tuple[Project, str]) -> None:
    project, image = built
    limit = SIZE_LIMIT.get(project.stage, USUAL_SIZE_LIMIT)
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout) < limit


def test_it_holds_no_package_of_training(container: str, stage: str) -> None:
    code = """
import json
from pathlib import Path
from sysconfig import get_path
print(json.dumps([path.name for path in Path(get_path("purelib")).iterdir()]))
"""
    installed = set(json.loads(docker("exec", container, "python", "-c", code).stdout))
    assert "onnxruntime" in installed
    assert installed & training_only(stage) == set()
    for program in ("gcc", "uv", "git"):
        assert docker("exec", container, "which", program, check=False).returncode != 0


def test_no_layer_holds_a_secret_or_data(built: tuple[Project, str]) -> None:
    project, image = built
    names: set[str] = set()
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        for name, content in files_in_layers(saving.stdout):
            names.add(name)
            assert SECRET.encode() not in content, name
    assert saving.returncode == 0
    assert SECRET not in docker("image", "history", "--no-trunc", image).stdout
    own = {name for name in names if name.startswith("app/") and not name.startswith("app/.venv/")}
    assert own == {f"app/models/champion/{path.name}" for path in project.champion.iterdir()}


def files_in_layers(saved: Any) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file in every layer of what `docker save` writes, deleted ones too."""
    with tarfile.open(fileobj=saved, mode="r|") as image:
        for part in image:
            blob = image.extractfile(part)
            if blob is None:
                continue
            try:
                layer = tarfile.open(fileobj=io.BytesIO(blob.read()))  # noqa: SIM115 - closed below
            except tarfile.ReadError:  # a configuration file
                continue
            with layer:
                for member in layer:
                    content = layer.extractfile(member) if member.isfile() else None
                    if content is not None:
                        yield member.name.removeprefix("./"), content.read()


def test_a_changed_source_does_not_install_the_packages_again(built: tuple[Project, str]) -> None:
    project, image = built
    with (project.source / "settings.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    changed = f"{image}-changed"
    printed = docker("build", "--progress", "plain", "--tag", changed, ".", cwd=project.path).stderr
    docker("image", "rm", changed)
    (step,) = {line.split()[0] for line in printed.splitlines() if "--no-install-project" in line}
    assert f"{step} CACHED" in printed


@pytest.mark.stages("tabular_regression")
def test_the_commands_of_ci_build_and_start_the_image(built: tuple[Project, str], stage: str) -> None:
    """As the workflow has them, which is the same in all stages."""
    del stage
    project, _ = built
    commands = [command for command in project.ci_commands() if "docker" in command]
    try:
        for command in commands:
            done = subprocess.run(
                ["bash", "-e", "-c", command], cwd=project.path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        docker("rm", "--force", "service", check=False)
        docker("image", "rm", "--force", "service", check=False)
    assert len(commands) == 2


@pytest.mark.stages("monitored_service")
def test_the_monitoring_job_looks_at_the_record_in_an_image_of_its_own(
    built: tuple[Project, str], owned: Project, tmp_path: Path, stage: str
) -> None:
    del stage
    with owned.serve() as service, service.client() as client:
        assert client.post("/predict", json=owned.example()).status_code == 200
        assert service.stop() == 0
    record = tmp_path / "record"
    record.mkdir()
    shutil.copyfile(owned.path / "monitoring.db", record / "monitoring.db")
    for path in (record, record / "monitoring.db"):  # the job is another user
        path.chmod(0o777)
    image = f"stage-test-{uuid.uuid4().hex[:8]}"
    docker("build", "--quiet", "--target", "monitor", "--tag", image, ".", cwd=built[0].path)
    try:
        options = ["--volume", f"{record}:/record", "--env", "DATABASE_URL=sqlite:////record/monitoring.db"]
        printed = docker("run", "--rm", "--cap-drop", "ALL", *options, image).stdout
    finally:
        docker("image", "rm", "--force", image)
    assert re.match(r"(ok|alarm): \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, 1 predictions, 0 outcomes", printed), printed


@contextmanager
def composed(project: Project, *services: str) -> Iterator[dict[str, str]]:
    """Bring services of compose.yaml up, all if none is named, and take them down again; yields their addresses."""
    ports = {"SERVICE_PORT": str(free_port()), "MLFLOW_PORT": str(free_port())}
    options: dict[str, Any] = {"cwd": project.path, "env": os.environ | ports}
    compose = ("compose", "--project-name", f"stage-test-{uuid.uuid4().hex[:8]}")
    try:
        docker(*compose, "up", "--detach", "--build", "--wait", *services, **options)
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        docker(*compose, "down", "--volumes", "--rmi", "local", **options)


def test_compose_brings_up_the_service(built: tuple[Project, str], verb: str) -> None:
    project = built[0]
    with composed(project, "service") as addresses:
        answer = httpx.post(
            addresses["SERVICE_PORT"] + verb, json=project.example(), headers={"X-API-Key": SECRET}, timeout=60
        )
    assert answer.status_code == 200, answer.text


@pytest.mark.stages("tabular_regression")
def test_compose_brings_up_a_tracker_to_train_into(
    engine: None, quick: Project, uv: str, verb: str, stage: str
) -> None:
    """The tracker is the same in all stages."""
    del engine, stage
    quick.lock_for_the_image(uv)
    with composed(quick) as addresses:
        service, tracker = addresses["SERVICE_PORT"], addresses["MLFLOW_PORT"]
        assert httpx.post(service + verb, json=quick.example(), timeout=60).status_code == 200
        assert httpx.get(tracker + "/health", timeout=60).status_code == 200
        quick.train(MLFLOW_TRACKING_URI=tracker)
        code = f"""
import json
from mlflow import MlflowClient
client = MlflowClient("{tracker}")
experiment = client.get_experiment_by_name("{quick.package}")
(run,) = client.search_runs([experiment.experiment_id])
versions = client.search_model_versions("name = '{quick.package}'")
print(json.dumps([run.info.status, len(run.data.metrics), [version.run_id == run.info.run_id for version in versions]]))
"""
        status, metrics, registered = quick.python(code)
        assert (status, registered) == ("FINISHED", [True])
        assert metrics > 3
