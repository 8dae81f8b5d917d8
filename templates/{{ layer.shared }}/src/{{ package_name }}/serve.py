"""Start the service: `uv run poe serve`. The container runs the same module.

On SIGTERM the service first says that it is not ready, goes on answering for `DRAIN_SECONDS` while load balancers
and clients move away, finishes what it has accepted, and exits with 0.
"""

import asyncio
import logging
from types import FrameType

import uvicorn

from .api import create_app
from .settings import Settings


class DrainingServer(uvicorn.Server):
    """A uvicorn server that drains before it stops. A second signal stops it at once."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self.drain_seconds = drain_seconds
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Remember the event loop, which the signal handler needs."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """On the first signal, begin to drain; stop when the time is over, or at the second signal.

        uvicorn's own handler raises the signal once more at the end, which would make a clean stop look like a crash.
        """
        guard = self.config.app.state.guard  # type: ignore[union-attr]
        if self.loop is None or guard is None or guard.draining or self.drain_seconds == 0:
            self.stop()
            return
        guard.draining = True
        # A signal handler may only do little: the timer is started by the event loop itself.
        self.loop.call_soon_threadsafe(self.loop.call_later, self.drain_seconds, self.stop)

    def stop(self) -> None:
        """Take no more connections, finish what was accepted, and exit."""
        self.should_exit = True


def main() -> None:
    """Read the settings and serve until a signal comes."""
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s:     %(name)s: %(message)s")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=settings.access_log,
        log_level=settings.log_level,
        timeout_graceful_shutdown=10,
    )
    DrainingServer(config, settings.drain_seconds).run()


if __name__ == "__main__":
    main()
