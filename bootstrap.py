"""The whole project with nothing but Python 3.11 and git: `python3 bootstrap.py demo` or `python3 bootstrap.py test`.

Runs `uv run poe TASK` (see pyproject.toml). Where uv is not installed, it is fetched into `.bootstrap/` first.
Called by a person with a fresh clone, and by `.ci/run`.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# uv does not read pip's settings; who needs them for pip needs them for uv.
PIP_TO_UV = {"PIP_FIND_LINKS": "UV_FIND_LINKS", "PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_CERT": "SSL_CERT_FILE"}


def find_uv() -> Path:
    """The installed uv, or one that pip puts into `.bootstrap/`."""
    installed = shutil.which("uv")
    if installed:
        return Path(installed)
    scripts = ROOT / ".bootstrap" / ("Scripts" if os.name == "nt" else "bin")
    if not shutil.which("uv", path=str(scripts)):
        print("uv is not installed: putting it into .bootstrap/", flush=True)
        subprocess.run([sys.executable, "-m", "venv", ROOT / ".bootstrap"], check=True)
        subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", "uv>=0.9"], check=True)
    return Path(shutil.which("uv", path=str(scripts)) or "uv")


def main() -> int:
    """Run the task named on the command line and return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs an older one shall read why it fails
        print(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    task, *arguments = sys.argv[1:]
    uv = find_uv()
    env = dict(os.environ)
    for old, new in PIP_TO_UV.items():
        if env.get(old) and not env.get(new):
            env[new] = env[old].replace(" ", ",")
    env["PATH"] = f"{uv.parent}{os.pathsep}{env['PATH']}"
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is for the task; this script waits until it has ended
    return subprocess.call([uv, "run", "poe", task, *arguments], cwd=ROOT, env=env)


if __name__ == "__main__":
    sys.exit(main())
