"""The target of this stage: a class, as text. `data.py` and `prepare.py` ask here what it may be."""

import pandas as pd
import pandera.pandas as pa

TARGET_IS_TEXT = True
# More classes than this are a mistake more often than a wish: a number, a date or an identifier as the target.
MOST_CLASSES = 20


def flaw_of_target(values: pd.Series) -> str | None:
    """Say what makes a raw column unfit as a target, or None."""
    classes = values.dropna().nunique()
    if classes < 2:
        return f" has {classes} different values, but the target needs two classes or more"
    if classes > MOST_CLASSES:
        return f" has {classes} different values, but the target may have {MOST_CLASSES} classes at most"
    return None


def target_column() -> pa.Column:
    """Return what the data contract demands of the target."""
    return pa.Column(str, nullable=False, coerce=True)


def notes_on_target(values: pd.Series) -> dict[str, float]:
    """Return the share of each class, the commonest first."""
    return {str(name): float(share) for name, share in values.value_counts(normalize=True).items()}
