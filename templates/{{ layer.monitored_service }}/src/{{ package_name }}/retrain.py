"""Train again with newer data: `uv run poe retrain`, by hand, on a schedule, or when an alarm asks for it.

    uv run poe retrain                        # all rows of the table
    uv run poe retrain --until 2013-09-01     # those before a day

The settings that the first search chose are kept, so that only the data make a difference. The newest four weeks with
outcomes are for comparing it with the model in service, and what came before for learning. Then the pipeline runs, and
the policy decides what becomes of the new model.
"""

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from .config import PARAMS_FILE, REPORTS
from .data import load_contract, read_by_contract
from .params import load_params

# The window that a new model is judged on: so many of the newest days.
JUDGED_DAYS = 28


def change(path: Path, changes: dict[str, Any]) -> None:
    """Change parameters, by dotted name, in a YAML file; its comments stay."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    params = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = params
        for section in sections:
            place = place[section]
        place[last] = value
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump(params, file)


def newer_data(until: str | None) -> dict[str, Any]:
    """Return the parameters of a training with newer data.

    Args:
        until: The day before which rows count; None for all.

    Raises:
        OSError: If there was no first training.
    """
    found = json.loads((REPORTS / "search.json").read_text(encoding="utf-8"))["best"]["settings"]
    params, contract = load_params(), load_contract()
    changes: dict[str, Any] = {
        "train.search.candidates": 1,
        "train.search.space": {name: [value] for name, value in found.items()},
    }
    time = contract.time()
    if time is None:
        return changes | {"data.rows": None}
    times = pd.to_datetime(read_by_contract(params.data, contract)[time])
    known = times if until is None else times[times < pd.Timestamp(until)]
    return changes | {
        "data.rows": None if until is None else f"{time} < '{until}'",
        "split.test": min(share_of_newest(known, JUDGED_DAYS), params.split.test),
    }


def share_of_newest(times: pd.Series, days: int) -> float:
    """Return the share of rows on the newest days, rounded up to four digits."""
    first = times.max().normalize() - pd.Timedelta(days=days - 1)
    return math.ceil(10_000 * float((times >= first).mean())) / 10_000


def main() -> None:
    """Change the parameters and run the pipeline."""
    parser = argparse.ArgumentParser(description="Train again with newer data.")
    parser.add_argument("--until", help="only rows before this day, as 2013-09-01")
    try:
        change(PARAMS_FILE, newer_data(parser.parse_args().until))
    except OSError as error:
        raise SystemExit(f"error: {error}: run `uv run poe train` first") from error
    raise SystemExit(subprocess.call([sys.executable, "-m", "dvc", "repro", "promote"]))


if __name__ == "__main__":
    main()
