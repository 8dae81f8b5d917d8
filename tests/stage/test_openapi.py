"""What the service promises in /openapi.json holds for requests that nobody thought of: schemathesis makes them up."""

import re
import subprocess

import pytest
import yaml

from .conftest import TEMPLATE
from .project import Project
from .service import Service

pytestmark = pytest.mark.slow

EXAMPLES_PER_OPERATION = 20
# A language model may take a while on a busy machine.
PATIENCE_SECONDS = 120
# No schema can say which bytes are an image or a document, or how many tokens a text has: much that fits it is rightly
# refused.
NOT_ALL_IS_TAKEN = ["--exclude-checks", "positive_data_acceptance"]
LEFT_OUT = {
    "image_classifier": NOT_ALL_IS_TAKEN,
    "text_generation": NOT_ALL_IS_TAKEN,
    "rag": [*NOT_ALL_IS_TAKEN, "--warnings", "off"],
}


# A route of these stages works only where a key is set.
KEYED = {"rag"}
KEY = "secret"


def test_generated_requests_find_no_failure(service: Service, trained: Project, owned: Project, uv: str) -> None:
    """All checks are on: status codes, content types and answers as documented, bad data refused, good data taken."""
    if trained.stage in KEYED:
        with owned.serve(API_KEY=KEY) as keyed:
            examine(keyed, trained, uv, "--header", f"X-API-Key: {KEY}")
    else:
        examine(service, trained, uv)


def examine(service: Service, project: Project, uv: str, *more: str) -> None:
    """Let schemathesis make up requests."""
    versions = yaml.safe_load((TEMPLATE / "copier.yml").read_text(encoding="utf-8"))["versions"]["default"]
    tool = [uv, "tool", "run", "--from", f"schemathesis{versions['schemathesis']}", "schemathesis"]
    options = ["--checks", "all", "--max-examples", str(EXAMPLES_PER_OPERATION), "--seed", "1", "--continue-on-failure"]
    options += ["--request-timeout", str(PATIENCE_SECONDS)]
    options += [*LEFT_OUT.get(project.stage, []), *more]
    done = subprocess.run(
        [*tool, "run", f"{service.url}/openapi.json", *options],
        cwd=service.log.parent,
        env=project.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert "No issues found" in done.stdout
    tested = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.stdout)
    assert tested, done.stdout
    assert len(set(tested.groups())) == 1
    assert not re.search(r'HTTP/1\.1" 5\d\d', service.log.read_text(encoding="utf-8"))
