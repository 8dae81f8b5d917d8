"""Brings alerts to people: Alertmanager posts them here; each becomes a line of the log and a message in a chat.

ALERT_WEBHOOK_URL is the address of the incoming webhook of a chat that takes {"text": "..."} (Slack, Mattermost, Google
Chat); these refuse Alertmanager's own messages, which have another form. Without it, alerts are only logged.
`compose.monitoring.yaml` starts this with `python -m` as a container of its own: when the service is down, it is not.
"""

import json
import logging
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

PORT = 8001
LARGEST_BODY = 1_000_000
SECONDS_TO_ANSWER = 10

logger = logging.getLogger(__name__)


def lines_of(message: dict[str, Any]) -> list[str]:
    """Return a line of text for each alert of a message of Alertmanager.

    Raises:
        KeyError: If it is no such message.
    """
    lines = []
    for alert in message["alerts"]:
        name, texts = alert["labels"]["alertname"], alert["annotations"]
        if alert["status"] == "firing":
            severity = alert["labels"].get("severity", "alert")
            lines.append(f"{severity.upper()} {name}: {texts['summary']} {texts['action']}")
        else:
            lines.append(f"RESOLVED {name}: {texts['summary']}")
    return lines


def send(text: str, address: str) -> None:
    """Post a text to a chat.

    Raises:
        OSError: If it is not taken.
    """
    body = json.dumps({"text": text}).encode()
    request = Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - main() has looked at it
    with urlopen(request, timeout=SECONDS_TO_ANSWER):  # noqa: S310
        pass


def create_server(host: str, port: int, address: str | None) -> ThreadingHTTPServer:
    """Return the server; `serve_forever` runs it.

    Args:
        host: Where it listens.
        port: Where it listens; 0 is any free one.
        address: Of the chat's webhook, or None.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers Alertmanager; what it answers 5xx to is sent again."""

        def do_POST(self) -> None:
            """Take alerts."""
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LARGEST_BODY:
                self.send_error(413)
                return
            try:
                lines = lines_of(json.loads(self.rfile.read(int(length))))
            except (ValueError, KeyError, TypeError, AttributeError):
                self.send_error(400)
                return
            for line in lines:
                logger.warning("%s", line)
            try:
                if address is not None:
                    send("\n".join(lines), address)
            except OSError as error:
                logger.error("the chat does not take the message: %s", error)
                self.send_error(502)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            """Write nothing for a request: the alerts themselves are the log."""

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Serve until the process is stopped."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(message)s")
    address = os.environ.get("ALERT_WEBHOOK_URL") or None
    if address is not None and not address.startswith(("https://", "http://")):
        raise SystemExit("ALERT_WEBHOOK_URL must begin with https:// or http://")
    logger.info("alerts are %s", "only logged" if address is None else "logged and sent to the chat")
    create_server(os.environ.get("HOST", "127.0.0.1"), PORT, address).serve_forever()


if __name__ == "__main__":
    main()
