"""The facts that every table stage states in its model card. `summary.py` adds those of this stage."""

from typing import Any

from .wording import origin_facts


def common_facts(quality: dict[str, Any], promotion: dict[str, Any]) -> dict[str, str]:
    """Say where the model in service comes from, and what its data are like.

    Args:
        quality: The content of reports/data_quality.json.
        promotion: The content of reports/promotion.json.
    """
    split = ", ".join(f"{rows} {part}" for part, rows in quality["split"].items())
    return origin_facts(promotion) | {
        "Rows": f"{quality['rows']} ({split}), {quality['features']} columns",
        "Duplicate rows": f"{quality['duplicate_rows']}",
        "Columns with missing values": f"{len(quality['missing_share'])}",
    }
