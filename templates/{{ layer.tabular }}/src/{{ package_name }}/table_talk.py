"""What every table stage says about its data in the talk. `talk.py` uses it."""

from typing import Any


def data(quality: dict[str, Any]) -> list[str]:
    """Say how much data there is, and what it lacks.

    Args:
        quality: The content of reports/data_quality.json.
    """
    split = ", ".join(f"{rows:,} {part}" for part, rows in quality["split"].items())
    return [
        f"{quality['rows']:,} rows of {quality['features']} columns: {split}",
        f"{quality['duplicate_rows']} duplicate rows; values are missing in {len(quality['missing_share'])} columns",
    ]
