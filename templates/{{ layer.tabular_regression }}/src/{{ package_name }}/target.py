"""The target of this stage: a number. `data.py` and `prepare.py` ask here what it may be."""

import numpy as np
import pandas as pd
import pandera.pandas as pa

TARGET_IS_TEXT = False


def flaw_of_target(values: pd.Series) -> str | None:
    """Say what makes a raw column unfit as a target, or None; the row is counted as a spreadsheet does."""
    if pd.api.types.is_numeric_dtype(values):
        return None
    as_number = pd.to_numeric(values, errors="coerce")
    bad = values.index[as_number.isna() & values.notna()][0]
    return f", row {bad + 2}: {values[bad]!r} is not a number, but the target must be one"


def target_column() -> pa.Column:
    """Return what the data contract demands of the target."""
    finite = pa.Check(np.isfinite, error="a finite number")
    return pa.Column(float, finite, nullable=False, coerce=True)


def notes_on_target(values: pd.Series) -> dict[str, float]:
    """Describe the distribution of the target."""
    return {
        "mean": float(values.mean()),
        "median": float(values.median()),
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "skewness": float(values.skew()),  # type: ignore[arg-type]
    }
