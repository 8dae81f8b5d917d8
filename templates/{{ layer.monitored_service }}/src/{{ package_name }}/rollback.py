"""Put the model before this one back into service: `uv run poe rollback`. A running service takes it at once."""

from .releases import roll_back
from .settings import Settings
from .store import Store


def main() -> None:
    """Roll back, and note it."""
    try:
        version = roll_back(Settings().model_dir)
    except (LookupError, OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    Store(Settings().database_url).add_event("rollback", {"version": version})
    print(f"Model {version} is in service again")


if __name__ == "__main__":
    main()
