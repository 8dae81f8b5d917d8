"""The facts that every table stage states in its model card. `summary.py` adds those of this stage."""

from typing import Any

from .wording import file_facts, origin_facts

# Columns with the most missing values, and with the most far-out values, that the data card names.
SHOWN = 5


def data_facts(quality: dict[str, Any]) -> dict[str, str]:
    """Say what the data are like, for the data card.

    Args:
        quality: The content of reports/data_quality.json.
    """
    missing, far_out, rare = (quality[name] for name in ("missing_share", "far_out_values", "rare_categories"))
    gaps = [f"`{name}` {share:.1%}" for name, share in most(missing)]
    return file_facts() | {
        "Rows": f"{quality['rows']:,}, {quality['duplicate_rows']} of them duplicates",
        "Columns": f"{quality['features']} features; {len(quality['ignored_columns'])} more are ignored",
        "Missing values": f"in {len(missing)} columns, most in {', '.join(gaps)}" if gaps else "none",
        "Far-out values": ", ".join(f"`{name}` {count}" for name, count in most(far_out)) or "none",
        "Rare categories": f"{sum(rare.values())}, in {sum(count > 0 for count in rare.values())} columns",
    }


def most(counts: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the columns with the largest values."""
    return sorted(counts.items(), key=lambda item: -item[1])[:SHOWN]


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
