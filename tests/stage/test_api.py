"""What the service answers, what it refuses, and that a refusal says which field of which row is wrong."""

import copy
import gzip
import json
import re
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .project import Project
from .service import Service

pytestmark = [pytest.mark.slow, pytest.mark.stages(layer="tabular")]

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def columns(trained: Project) -> list[Any]:
    """The columns of the data contract."""
    return list(trained.read_yaml("schema.yaml")["columns"])


@pytest.fixture
def body(trained: Project) -> Any:
    """A valid request with one row, to spoil."""
    return trained.example()


@pytest.fixture(scope="module")
def seen(service: Service, columns: list[Any]) -> list[Any]:
    """The columns that the model itself sees; others only serve to compute features."""
    with service.client() as client:
        features = client.get("/model").json().get("features", [column["name"] for column in columns])
    return [column for column in columns if column["name"] in features]


def is_sound(answer: Any) -> bool:
    """Tell whether a prediction can be true: a value inside of its interval, or probabilities that add up."""
    if "lower" in answer:
        return bool(answer["lower"] < answer["prediction"] < answer["upper"])
    return answer["decision"] in answer["probabilities"] and abs(sum(answer["probabilities"].values()) - 1) < 1e-9


def one(columns: list[Any], **wanted: Any) -> str:
    """Name of the first column with these properties (a property that is not written has its default)."""
    defaults = {"nullable": False, "minimum": None}
    for column in columns:
        if (defaults | column).items() >= wanted.items():
            return str(column["name"])
    raise LookupError(f"no column with {wanted}")


def problems(answer: httpx.Response) -> list[str]:
    """Where the problems of a 422 answer are, as in `rows.3.area`."""
    assert answer.status_code == 422, answer.text
    return [".".join(map(str, problem["loc"][1:])) for problem in answer.json()["detail"]]


# ---------------------------------------------------------------- answers


def test_state_routes(service: Service, trained: Project) -> None:
    with service.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ready"}
        model = client.get("/model").json()
        assert client.get("/docs").status_code == 200
        assert "http_requests_total" in client.get("/metrics").text
    card = trained.read_json("models/champion/model.json")
    assert model["version"] == card["version"]
    assert model["origin"]["data_md5"] != "unknown"
    assert model["origin"]["git_commit"] != "unknown"
    assert model["metrics"]["model"] == trained.read_json("reports/metrics.json")["model"]


def test_rows_are_answered_in_order(service: Service, body: Any, columns: list[Any]) -> None:
    feature = one(columns, kind="number", minimum=0)
    (row,) = body["rows"]
    rows = [row | {feature: value} for value in (1, 2000, 5)]
    with service.client() as client:
        together = client.post("/predict", json={"rows": rows}).json()["predictions"]
        alone = [client.post("/predict", json={"rows": [row]}).json()["predictions"][0] for row in rows]
    assert together == alone
    assert all(is_sound(answer) for answer in together)


def test_a_value_unlike_the_training_data_is_remarked(service: Service, body: Any, seen: list[Any]) -> None:
    number, category = one(seen, kind="number"), one(seen, kind="category")
    body["rows"][0] |= {number: 1e30, category: "never seen"}
    with service.client() as client:
        (answer,) = client.post("/predict", json=body).json()["predictions"]
    assert any(warning.startswith(f"{number}:") for warning in answer["warnings"])
    assert any(warning.startswith(f"{category}:") for warning in answer["warnings"])


def test_explanations_name_every_feature_once(service: Service, body: Any, columns: list[Any]) -> None:
    with service.client() as client:
        features = client.get("/model").json().get("features", [column["name"] for column in columns])
        answer = client.post("/explain", json=body["rows"][0]).json()
        prediction = client.post("/predict", json=body).json()["predictions"][0]
    assert answer["prediction"] == prediction
    assert sorted(driver["feature"] for driver in answer["drivers"]) == sorted(features)
    effects = [abs(driver["effect"]) for driver in answer["drivers"]]
    assert effects == sorted(effects, reverse=True)
    assert effects[0] > 0


def test_as_many_rows_as_the_limit_and_no_more(service: Service, body: Any) -> None:
    with service.client() as client:
        assert len(client.post("/predict", json={"rows": body["rows"] * 1000}).json()["predictions"]) == 1000
        assert problems(client.post("/predict", json={"rows": body["rows"] * 1001})) == ["rows"]


# ---------------------------------------------------------------- the request model and the documentation


def test_the_documented_row_follows_the_contract(service: Service, columns: list[Any]) -> None:
    with service.client() as client:
        row = client.get("/openapi.json").json()["components"]["schemas"]["Row"]
    assert list(row["properties"]) == [column["name"] for column in columns]
    assert row["additionalProperties"] is False
    assert set(row["required"]) == {column["name"] for column in columns if not column.get("nullable")}
    for column in columns:
        field = row["properties"][column["name"]]
        variants = field.get("anyOf", [field])
        types = {variant["type"] for variant in variants}
        kind = {"number": "number", "category": "string", "time": "string"}[column["kind"]]
        assert types == ({kind, "null"} if column.get("nullable") else {kind}), column["name"]
        if "minimum" in column:
            assert next(v for v in variants if v["type"] == "number")["minimum"] == column["minimum"]


def test_the_documented_example_is_a_real_row_and_works(service: Service, trained: Project) -> None:
    with service.client() as client:
        example = client.get("/openapi.json").json()["components"]["schemas"]["Row"]["example"]
        assert client.post("/predict", json={"rows": [example]}).status_code == 200
    code = """
import json, pandas as pd
example = json.loads({example!r})
test = pd.read_parquet("data/prepared/test.parquet")
same = pd.Series(True, index=test.index)
for name, value in example.items():
    same &= test[name].isna() if value is None else test[name] == value
print(json.dumps(int(same.sum())))
"""
    assert trained.python(code.format(example=json.dumps(example))) >= 1


def test_every_column_may_miss_only_if_the_contract_says_so(service: Service, body: Any, columns: list[Any]) -> None:
    with service.client() as client:
        for column in columns:
            name = column["name"]
            left_out, empty = copy.deepcopy(body), copy.deepcopy(body)
            del left_out["rows"][0][name]
            empty["rows"][0][name] = None
            for spoilt in (left_out, empty):
                answer = client.post("/predict", json=spoilt)
                if column.get("nullable"):
                    assert answer.status_code == 200, (name, answer.text)
                else:
                    assert problems(answer)[0].startswith(f"rows.0.{name}")


# ---------------------------------------------------------------- bad input: 422, and the field is named


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        pytest.param({"kind": "number", "nullable": False}, "12", id="text for a number"),
        pytest.param({"kind": "number", "nullable": False}, True, id="a truth value for a number"),
        pytest.param({"kind": "number", "nullable": False}, [1], id="a list for a number"),
        pytest.param({"kind": "number", "nullable": False}, 1e39, id="too large for single precision"),
        pytest.param({"kind": "number", "nullable": False}, 10**400, id="a whole number of 400 digits"),
        pytest.param({"kind": "number", "minimum": 0}, -1, id="below the minimum"),
        pytest.param({"kind": "category", "nullable": False}, 12, id="a number for a text"),
        pytest.param({"kind": "category", "nullable": False}, "x" * 201, id="a text that is too long"),
        pytest.param({"kind": "category", "nullable": True}, {"a": 1}, id="an object for a text"),
    ],
)
def test_a_wrong_value_is_refused_by_row_and_field(
    service: Service, body: Any, columns: list[Any], properties: dict[str, Any], value: object
) -> None:
    name = one(columns, **properties)
    good = body["rows"][0]
    spoilt = {"rows": [good, good, good | {name: value}, good]}
    with service.client() as client:
        assert all(p.startswith(f"rows.2.{name}") for p in problems(client.post("/predict", json=spoilt)))
        assert all(p.startswith(name) for p in problems(client.post("/explain", json=good | {name: value})))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_are_refused(service: Service, body: Any, columns: list[Any], constant: str) -> None:
    name = one(columns, kind="number", nullable=False)
    body["rows"][0][name] = "HERE"
    text = json.dumps(body).replace('"HERE"', constant)
    with service.client() as client:
        answer = client.post("/predict", content=text, headers={"content-type": "application/json"})
    assert name in problems(answer)[0] or answer.json()["detail"][0]["type"] == "json_invalid"


def test_an_unknown_field_is_named(service: Service, body: Any) -> None:
    body["rows"][0]["colour"] = "red"
    with service.client() as client:
        assert problems(client.post("/predict", json=body)) == ["rows.0.colour"]
        assert problems(client.post("/predict", json={"rows": [], "model": "x"})) == ["rows", "model"]


def test_every_wrong_field_of_every_row_is_named(service: Service, body: Any, columns: list[Any]) -> None:
    number, text = one(columns, kind="number", nullable=False), one(columns, kind="category", nullable=False)
    good = body["rows"][0]
    with service.client() as client:
        answer = client.post("/predict", json={"rows": [good | {number: "a"}, good, good | {text: 1}]})
    assert problems(answer) == [f"rows.0.{number}", f"rows.2.{text}"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"rows=1", id="a form"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"rows"', id="a text"),
        pytest.param(b'{"rows": []}', id="no rows"),
        pytest.param(b'{"rows": {}}', id="rows that are no list"),
        pytest.param(b'{"rows": [1, null]}', id="rows that are no objects"),
        pytest.param(b'{"rows": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep nesting"),
        pytest.param(b'{"rows": [' + b'{"a":' * 50_000, id="deep nesting, cut off"),
        pytest.param(gzip.compress(b'{"rows": []}'), id="compressed"),
        pytest.param(b'{"rows": [{"\xf0\x9f\x92": 1}]}', id="half a character"),
        pytest.param(b'{"rows": [{"\\ud800": "\\ud800"}]}', id="half a surrogate pair"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_what_is_no_request_is_refused(service: Service, content: bytes, path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip" if content[:2] == b"\x1f\x8b" else ""}
    with service.client() as client:
        answer = client.post(path, content=content, headers={k: v for k, v in headers.items() if v})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"][0]["msg"]
        assert client.get("/ready").status_code == 200


def test_repeated_keys_and_odd_texts_do_no_harm(service: Service, body: Any, columns: list[Any]) -> None:
    name = one(columns, kind="category", nullable=False)
    with service.client() as client:
        for odd in ("", " ", "\x00", "\u202e", "Ünï🏠", "a\nb", "(missing)"):
            body["rows"][0][name] = odd
            assert client.post("/predict", json=body).status_code == 200, repr(odd)


# ---------------------------------------------------------------- size: 413


def test_a_large_body_is_refused_by_its_declared_length(service: Service) -> None:
    with service.client() as client:
        answer = client.post("/predict", content=b" " * (6 * MEGABYTE))
        assert (answer.status_code, client.get("/ready").status_code) == (413, 200)
    assert "5000000 bytes" in answer.json()["detail"]


def test_a_large_body_is_refused_before_it_is_sent(service: Service) -> None:
    """The head alone is answered: nobody has to send gigabytes to learn that they are not wanted."""
    head = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_large_body_without_a_length_is_refused(service: Service) -> None:
    def pieces() -> Any:
        for _ in range(6):
            yield b" " * MEGABYTE

    with service.client() as client:
        answer = client.post("/predict", content=pieces())
        assert (answer.status_code, client.get("/ready").status_code) == (413, 200)


@pytest.mark.parametrize("length", ["-1", "1_000", "abc", "٥", ""])
def test_a_nonsense_length_is_refused(service: Service, length: str) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head)
        assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(65536))


# ---------------------------------------------------------------- methods, key, limits


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "PUT", "DELETE", "TRACE", "PURGE"])
def test_other_methods_are_refused(service: Service, method: str) -> None:
    with service.client() as client:
        answer = client.request(method, "/predict")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": "wrong"}, 401),
        ({"X-API-Key": "s\xe9cret".encode("latin-1")}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic secret"}, 401),
        ({"Authorization": "secret"}, 401),
        ({"X-API-Key": "wrong", "Authorization": "Bearer secret"}, 401),
        ({"Authorization": "Bearer secret"}, 200),
        ({"authorization": "bearer secret"}, 200),
        ({"X-API-Key": "secret"}, 200),
        ({"x-api-key": "secret"}, 200),
    ],
)
def test_the_key_opens_the_service(keyed: Service, body: Any, header: dict[str, Any], status: int) -> None:
    with keyed.client() as client:
        answer = client.post("/predict", json=body, headers=header)
        assert answer.status_code == status
        assert client.get("/health").status_code == 200
    if status == 401:
        assert answer.headers["www-authenticate"]
        assert "secret" not in answer.text


@pytest.fixture(scope="module")
def keyed(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that wants a key."""
    project = trained.copy_to(tmp_path_factory.mktemp("keyed") / "project")
    with project.serve(API_KEY="secret") as running:
        yield running


def test_one_request_more_than_the_limit_is_refused(owned: Project, body: Any) -> None:
    """A slow upload takes the only place; when it is done, the place is free again."""
    content = json.dumps(body).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with owned.serve(MAX_CONCURRENT="1") as service, service.client() as client:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
            slow.sendall(head + content[:10])
            refused = until(lambda: client.post("/predict", json=body), lambda answer: answer.status_code == 503)
            assert refused.headers["retry-after"] == "1"
            assert client.get("/ready").status_code == 200
            slow.sendall(content[10:])
            assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert client.post("/predict", json=body).status_code == 200


def test_an_upload_that_breaks_off_frees_its_place(owned: Project, body: Any) -> None:
    with owned.serve(MAX_CONCURRENT="1") as service, service.client() as client:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n{")
            until(lambda: client.post("/predict", json=body), lambda answer: answer.status_code == 503)
        until(lambda: client.post("/predict", json=body), lambda answer: answer.status_code == 200)


def until(ask: Callable[[], httpx.Response], good: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Ask again and again until the answer is as wanted."""
    for _ in range(200):
        answer = ask()
        if good(answer):
            return answer
        time.sleep(0.05)
    raise AssertionError(f"last answer: {answer.status_code} {answer.text}")


def test_random_paths_make_no_new_metrics(service: Service) -> None:
    with service.client() as client:
        for number in range(50):
            assert client.get(f"/{secrets.token_hex(8)}").status_code == 404
            assert client.get(f"/static/{secrets.token_hex(8)}").status_code == 404
            assert (
                client.request(("PURGE", "LINK", "SEARCH")[number % 3], f"/{secrets.token_hex(8)}").status_code == 404
            )
        documented = set(client.get("/openapi.json").json()["paths"])
        metrics = client.get("/metrics").text
    undocumented = {"/", "/static", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "unmatched"}
    assert set(re.findall(r'path="([^"]*)"', metrics)) <= documented | undocumented
    assert set(re.findall(r'method="([^"]*)"', metrics)) <= {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "OTHER"}


@pytest.mark.parametrize("path", ["/static/../serve.py", "/static/%2e%2e/serve.py", "/static/..%2f..%2fetc/passwd"])
def test_only_static_files_are_given_out(service: Service, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")


# ---------------------------------------------------------------- without a model


@pytest.mark.parametrize("damage", ["no folder", "no card", "half a card", "other graph", "cut graph", "no graph"])
def test_without_a_sound_model_the_service_is_up_and_not_ready(owned: Project, body: Any, damage: str) -> None:
    card = owned.champion / "model.json"
    (graph,) = owned.champion.glob("*.onnx")
    match damage:
        case "no folder":
            owned.champion.rename(owned.path / "away")
        case "no card":
            card.unlink()
        case "half a card":
            card.write_bytes(card.read_bytes()[:1000])
        case "other graph":
            graph.write_bytes(graph.read_bytes() + b"\n")
        case "cut graph":
            graph.write_bytes(graph.read_bytes()[:-1000])
        case "no graph":
            graph.unlink()
    with owned.serve() as service, service.client() as client:
        assert client.get("/health").status_code == 200
        for path in ("/ready", "/model"):
            assert client.get(path).status_code == 503
        for path in ("/predict", "/explain"):
            assert client.post(path, json=body).status_code == 503
        assert client.get("/").status_code == 200
        assert client.get("/openapi.json").status_code == 200
        log = service.log.read_text(encoding="utf-8")
        assert "no model: " in log
        assert "Traceback" not in log
        assert service.stop() == 0


def test_a_wrong_setting_stops_the_start_and_is_named(owned: Project) -> None:
    done = owned.run("python", "-m", f"{owned.package}.serve", check=False, MAX_ROWS="many")
    assert done.returncode != 0
    assert "max_rows" in done.stderr.lower()
