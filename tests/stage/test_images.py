"""The image classifier: real results, training that survives a kill, other images, another network, hostile files."""

import base64
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from .project import QUICK, Project
from .service import Service
from .test_interrupted_training import kill_when
from .test_promotion import aliased_run, champion_version, registered_versions

pytestmark = [pytest.mark.slow, pytest.mark.stages("image_classifier")]

# Loads the graph by hand, divides its logits by the temperature in the card, and asks PyTorch and the predictor too.
RECOMPUTE = """
import base64, io, json
from pathlib import Path
import mlflow, numpy as np, onnxruntime, torch
from PIL import Image
from {package}.batches import as_tensor
from {package}.dataset import load_part
from {package}.evaluate import trained_model
from {package}.params import load_params
from {package}.predict import Predictor
from {package}.settings import Settings
from {package}.train import logits_of

parts = {{name: load_part(name) for name in ("train", "validation", "test")}}
test = parts["test"]
card = json.loads(Path("models/champion/model.json").read_text(encoding="utf-8"))
graph = next(Path("models/champion").glob("*.onnx"))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # a second one waits for the first, where another stage is tested at the same time
def answers(path):
    session = onnxruntime.InferenceSession(path, options)
    return session.run(["logits"], {{"images": test.images.transpose(0, 3, 1, 2)}})[0].astype(float)
logits = answers(graph)
chances = np.exp(logits / card["temperature"])
chances /= chances.sum(1, keepdims=True)
with np.load("data/baselines.npz") as named:
    baselines = {{name: float(np.mean(named[name] == test.labels)) for name in named.files}}
native = logits_of(trained_model(load_params(), test), as_tensor(test.images), torch.device("cpu")).numpy()

# The service's own way: an image file, decoded.
predictor = Predictor.load(Path("models/champion"))
alone = []
for image in test.images[:200]:
    file = io.BytesIO()
    Image.fromarray(image[:, :, 0]).save(file, "PNG")
    answer = predictor.predict(predictor.read(file.getvalue()), top_k=10)
    alone.append([{{e["label"]: e["probability"] for e in answer["predictions"]}}[name] for name in card["classes"]])

mlflow.set_tracking_uri(Settings().mlflow_tracking_uri)
version = mlflow.MlflowClient().get_model_version_by_alias("{package}", "champion")
run = mlflow.MlflowClient().get_run(version.run_id)
stored = mlflow.artifacts.download_artifacts("models:/{package}@champion")
keys = [set(image.tobytes() for image in part.images) for part in parts.values()]
example = np.asarray(Image.open(io.BytesIO(base64.b64decode(card["example"]))))
print(json.dumps({{
    "images": {{name: len(part.labels) for name, part in parts.items()}},
    "shared": len(keys[0] & keys[1]),
    "accuracy": float(np.mean(logits.argmax(1) == test.labels)),
    "log_loss": float(-np.mean(np.log(chances[np.arange(len(test.labels)), test.labels]))),
    "baselines": baselines,
    "export_difference": float(np.abs(native - logits).max()),
    "file_difference": float(np.abs(np.array(alone) - chances[:200]).max()),
    "stored_difference": float(np.abs(answers(next(Path(stored).rglob("*.onnx"))) - logits).max()),
    "example_is_a_test_image": any(np.array_equal(example, image[:, :, 0]) for image in test.images),
    "run": {{"id": run.info.run_id, "status": run.info.status, "params": run.data.params, "metrics": run.data.metrics,
             "tags": run.data.tags}},
    "curve": [m.value for m in mlflow.MlflowClient().get_metric_history(version.run_id, "validation_accuracy")],
    "artifacts": [item.path for item in mlflow.MlflowClient().list_artifacts(version.run_id, "reports")],
}}))
"""


@pytest.fixture(scope="module")
def again(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The figures, computed again."""
    copy = trained.copy_to(tmp_path_factory.mktemp("again") / "project")
    return copy.python(RECOMPUTE.format(package=trained.package))


# ---------------------------------------------------------------- the result


def test_reported_figures_are_true(again: Any, report: Any) -> None:
    assert report["rows"] == again["images"]["test"]
    for name in ("accuracy", "log_loss"):
        result = report["model"][name]
        assert result["value"] == pytest.approx(again[name], rel=1e-6), name
        assert result["low"] < again[name] < result["high"], name
    for name, value in again["baselines"].items():
        assert report["baselines"][name]["accuracy"]["value"] == pytest.approx(value)


def test_the_network_beats_both_baselines_beyond_doubt(report: Any) -> None:
    """Trained on 1000 of the 6000 training images of each class, as `FIRST_RUN` says."""
    assert set(report["baselines"]) == {"logistic", "centroid"}
    for baseline in report["baselines"].values():
        assert report["model"]["accuracy"]["low"] > baseline["accuracy"]["high"]


def test_no_image_is_for_training_and_validation(again: Any) -> None:
    assert again["shared"] == 0


def test_probabilities_keep_their_word(report: Any) -> None:
    assert report["calibration_error"]["after"] < 0.03
    assert report["model"]["log_loss"]["value"] < 0.6


def test_the_export_equals_pytorch_on_every_test_image(again: Any, report: Any) -> None:
    assert again["export_difference"] <= report["export"]["tolerance"] <= 1e-3


def test_a_file_gets_the_answer_of_its_pixels(again: Any) -> None:
    assert again["file_difference"] < 1e-4
    assert again["example_is_a_test_image"]


def test_mlflow_holds_parameters_curves_results_and_the_same_graph(again: Any, trained: Project, report: Any) -> None:
    params, run = trained.read_yaml("params.yaml"), again["run"]
    assert run["status"] == "FINISHED"
    assert run["id"] == trained.read_json("models/champion/model.json")["origin"]["run_id"] == aliased_run(trained)
    for section, name in (("train", "epochs"), ("train", "learning_rate"), ("model", "width")):
        assert run["params"][name] == str(params[section][name])
    epochs = trained.read_json("reports/training.json")["epochs"]
    assert again["curve"] == [epoch["validation_accuracy"] for epoch in epochs]
    assert run["metrics"]["test_accuracy"] == report["model"]["accuracy"]["value"]
    assert run["metrics"]["baseline_logistic_accuracy"] == report["baselines"]["logistic"]["accuracy"]["value"]
    assert run["tags"]["data_md5"] not in {"", "unknown"}
    assert run["tags"]["device"]
    written = {f"reports/{path.name}" for path in (trained.path / "reports").iterdir()} - {"reports/promotion.json"}
    assert set(again["artifacts"]) >= written
    assert again["stored_difference"] == 0


def test_every_picture_and_table_is_there(trained: Project, report: Any) -> None:
    for name in ("training", "mistakes", "gradcam", "confusion", "reliability", "robustness"):
        assert (trained.path / "reports" / f"{name}.png").stat().st_size > 10_000
    by_class = (trained.path / "reports" / "per_class.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sum(int(line.split(",")[1]) for line in by_class) == report["rows"]
    worse = [line.split(",") for line in (trained.path / "reports" / "robustness.csv").read_text().splitlines()[1:]]
    for kind in ("noise", "shift", "rotation"):
        accuracies = [float(line[2]) for line in worse if line[0] == kind]
        assert accuracies[0] == pytest.approx(report["model"]["accuracy"]["value"], abs=0.03)  # on some of them
        assert accuracies[-1] < accuracies[0]


# ---------------------------------------------------------------- the pipeline


def test_a_second_run_does_nothing(owned: Project) -> None:
    assert "Running stage" not in owned.train().stdout


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"promotion.minimum_improvement": 0.5}, {"promote"}),
        ({"evaluate.seed": 1}, {"evaluate"}),
        ({"augment.shift": 2}, {"train"}),
        ({"train.seed": 1}, {"train"}),
        ({"train.launcher": "torchrun --standalone --nproc-per-node 2"}, {"train"}),
        ({"split.seed": 1}, {"prepare"}),
        ({"data.per_class": 7}, {"prepare"}),
        ({"data.url": "https://localhost"}, {"data"}),
    ],
)
def test_a_changed_parameter_makes_only_its_stage_stale(
    owned: Project, changes: dict[str, object], stale: set[str]
) -> None:
    owned.change_params(changes)
    assert owned.stale_stages() == stale


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train.epochs": 0}, "train.epochs"),
        ({"data.channels": 2}, "data.channels"),
        ({"model.widht": 3}, "model.widht"),
    ],
)
def test_a_wrong_parameter_is_named(owned: Project, changes: dict[str, object], named: str) -> None:
    owned.change_params(changes)
    done = owned.train(check=False)
    assert done.returncode != 0
    assert f"'{named}'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_killed_training_goes_on_and_ends_with_the_same_metrics(owned: Project, tmp_path: Path) -> None:
    """Killed in the third of four epochs; the model in service answers all the while."""
    owned.change_params(QUICK[owned.stage] | {"train.epochs": 4})
    undisturbed = owned.copy_to(tmp_path / "undisturbed")
    undisturbed.train()
    with owned.serve() as service, service.client() as client:
        before = client.post("/predict", json=owned.example()).json()
        kill_when(owned, "epoch   2/4")
        assert client.post("/predict", json=owned.example()).json() == before
    printed = owned.train().stdout
    going_on = re.search(r"Going on after epoch (\d)", printed)
    assert going_on, printed
    assert int(going_on[1]) >= 1
    assert "epoch   1/4" not in printed
    assert owned.read_json("reports/metrics.json") == undisturbed.read_json("reports/metrics.json")
    versions = {project.read_json("models/candidate/model.json")["version"] for project in (owned, undisturbed)}
    assert len(versions) == 1
    assert not (owned.path / "models" / "checkpoints").exists()


def test_a_worse_candidate_changes_nothing_in_service(quick: Project) -> None:
    before, alias = champion_version(quick), aliased_run(quick)
    quick.train()
    decision = quick.read_json("reports/promotion.json")
    assert decision["promoted"] is False
    assert (champion_version(quick), aliased_run(quick)) == (before, alias)
    assert registered_versions(quick) == 2


# ---------------------------------------------------------------- other images, other networks

# A folder of coloured images, as a person has it: other sizes, PNG and JPEG, one class in red, one in blue.
COLOURED = """
import json
from pathlib import Path
import numpy as np
from PIL import Image
rng = np.random.default_rng(0)
for name, colour in (("red things", 0), ("Blaues", 2)):
    folder = Path("data/raw/mine") / name
    folder.mkdir(parents=True)
    for number in range(60):
        pixels = rng.integers(0, 120, (*rng.integers(20, 60, 2), 3), dtype=np.uint8)
        pixels[5:15, 5:15, colour] = 250
        suffix = "png" if number % 3 else "JPEG"
        Image.fromarray(pixels).save(folder / f"image {number}.{suffix}", quality=95)
print(json.dumps(None))
"""
MINE = {
    "data.path": "data/raw/mine",
    "data.source": None,
    "data.size": 32,
    "data.channels": 3,
    "split.validation": 0.2,
    "split.test": 0.25,
    "train.epochs": 6,
    "train.batch_size": 16,
}


def test_a_folder_of_ones_own_images_is_trained_and_served(quick: Project) -> None:
    quick.python(COLOURED)
    quick.change_params(MINE)
    quick.train()
    report = quick.read_json("reports/metrics.json")
    assert report["model"]["accuracy"]["value"] > 0.9
    assert set(quick.read_json("reports/data_quality.json")["classes"]) == {"red things", "Blaues"}
    quick.run("python", "-m", f"{quick.package}.report")
    with quick.serve() as service, service.client() as client:
        model = client.get("/model").json()
        if quick.read_json("reports/promotion.json")["promoted"]:
            assert model["classes"] == ["Blaues", "red things"]
            for name in model["classes"]:
                photo = next((quick.path / "data/raw/mine" / name).iterdir()).read_bytes()
                answer = client.post("/predict", files={"image": photo}).json()
                assert answer["predictions"][0]["label"] == name


def test_images_that_are_nowhere_are_named(quick: Project) -> None:
    """Every source is out of reach: no network, and no package manager."""
    shutil.rmtree(quick.path / "data" / "raw")
    quick.change_params({"data.url": "http://127.0.0.1:9/fashion"})
    programs = quick.path / "programs"
    programs.mkdir()
    git = shutil.which("git")
    assert git
    (programs / "git").symlink_to(git)
    path = os.pathsep.join([str(quick.environment / "bin"), str(programs)])
    done = quick.run("python", "-m", f"{quick.package}.data", check=False, PATH=path)
    assert done.returncode != 0
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in ("http://127.0.0.1:9/fashion", "only on Debian", "with a browser", "train-images-idx3-ubyte.gz"):
        assert part in done.stderr
    assert not (quick.path / "data" / "raw" / "fashion-mnist").exists()


def test_a_pretrained_network_is_trained_on(quick: Project, uv: str, tmp_path: Path) -> None:
    """A small network with random weights in a folder stands for one on the hub; the training code is the same."""
    export = [uv, "export", "--quiet", "--frozen", "--only-group", "transfer", "--no-hashes"]
    plain = {name: value for name, value in quick.variables.items() if name != "UV_NO_SOURCES"}
    subprocess.run([*export, "--output-file", "transfer.txt"], cwd=quick.path, env=plain, check=True)
    target = tmp_path / "packages"
    quick.run(uv, "pip", "install", "--quiet", "--target", str(target), "--requirement", "transfer.txt")
    path = os.pathsep.join([str(quick.path / "src"), str(target)])
    code = """
import torch
from transformers import ResNetConfig, ResNetModel
torch.manual_seed(0)
config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
ResNetModel(config).save_pretrained("models/pretrained")
"""
    quick.run("python", "-c", code, PYTHONPATH=path)
    changes = {"model.backbone": "models/pretrained", "data.size": 32, "data.channels": 3, "data.per_class": 200}
    quick.change_params(changes)
    quick.train(PYTHONPATH=path)
    assert quick.read_json("models/candidate/model.json")["channels"] == 3
    assert quick.read_json("reports/metrics.json")["export"]["largest_difference"] <= 1e-3


# ---------------------------------------------------------------- hostile files


def bomb(side: int) -> bytes:
    """A PNG file of some kilobytes that declares `side` x `side` pixels, and holds them all, in black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def upload(client: httpx.Client, content: bytes) -> httpx.Response:
    """Send a file as a browser does."""
    return client.post("/predict", files={"image": ("picture.png", content, "image/png")})


def peak_memory_mb(service: Service) -> float:
    """Largest resident memory of the service so far, in MB."""
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1000  # type: ignore[index]


def test_hostile_files_are_refused_and_memory_stays_bounded(owned: Project) -> None:
    """The image is limited to 512 MB: what is unpacked at once must stay far below."""
    large, small = bomb(20_000), bomb(4_900)
    assert len(large) < 1_000_000
    example = base64.b64decode(owned.example()["image"])
    with owned.serve() as service, service.client() as client:
        assert upload(client, example).status_code == 200
        before = client.post("/predict", json=owned.example()).json()
        for content in (large, b"", b"no image", example[: len(example) // 2], b"%PDF-1.7", b"\x89PNG\r\n\x1a\n"):
            answer = upload(client, content)
            assert answer.status_code == 422, content[:20]
            assert answer.json()["detail"][0]["loc"] == ["body", "image"]
        assert upload(client, bytes(20_000_000)).status_code == 413
        assert client.post("/predict", content=example, headers={"content-type": "image/png"}).status_code == 415
        # The largest that is read: 24 million pixels; twenty at once.
        bodies = [upload_bytes(small, service) for _ in range(20)]
        assert all(status == 200 for status in send_at_once(bodies, service))
        assert client.post("/predict", json=owned.example()).json() == before
        assert client.get("/ready").status_code == 200
        assert peak_memory_mb(service) < 400
        assert "prediction_refused_images_total 6.0" in client.get("/metrics").text
    assert not re.search(r'HTTP/1\.1" 5\d\d|Traceback', service.log.read_text(encoding="utf-8"))


def upload_bytes(content: bytes, service: Service) -> httpx.Request:
    """Build a request for `send_at_once`."""
    return httpx.Request("POST", f"{service.url}/predict", files={"image": ("picture.png", content, "image/png")})


def send_at_once(requests: list[httpx.Request], service: Service) -> list[int]:
    """Send requests side by side and return their status codes."""
    with ThreadPoolExecutor(len(requests)) as pool, service.client() as client:
        return [answer.status_code for answer in pool.map(lambda request: client.send(request), requests)]


def test_the_command_line_predicts_what_the_service_predicts(owned: Project) -> None:
    (owned.path / "photo.png").write_bytes(base64.b64decode(owned.example()["image"]))
    printed = json.loads(owned.run("python", "-m", f"{owned.package}.predict", "photo.png").stdout)
    with owned.serve() as service, service.client() as client:
        assert client.post("/predict", json=owned.example()).json() == printed
    (owned.path / "photo.png").write_bytes(b"no image")
    done = owned.run("python", "-m", f"{owned.package}.predict", "photo.png", check=False)
    assert done.stderr == "error: photo.png: this is no PNG or JPEG image\n"
