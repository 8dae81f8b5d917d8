"""The models: baselines and gradient boosting, each one scikit-learn pipeline from table to class.

Every pipeline reads a table of `features.Features.table`: numbers first, then categories as text. Classes are numbers
from 0, in the order of their names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier, export_text

from .features import Plan
from .pipelines import by_kind, category_codes, whole_numbers

# A one-hot column for a category that is rarer than this learns noise.
RAREST_CATEGORY = 50
# The rule asks two questions, and each answer covers a twentieth of the rows: a person can keep it in mind.
QUESTIONS, SMALLEST_ANSWER = 2, 0.05


def boosting(plan: Plan, settings: Mapping[str, float], class_weight: str, seed: int) -> Pipeline:
    """Gradient boosted trees, which take missing numbers as they are.

    Categories with many values are replaced by the share of each class among their rows. That share is learned inside
    of the pipeline, so inside of the fold, and scikit-learn's TargetEncoder learns it for each training row from the
    other folds: a row never sees its own class (Micci-Barreca 2001).

    Args:
        plan: What the table holds.
        settings: Arguments of HistGradientBoostingClassifier.
        class_weight: `none`, or `balanced` to give each class the same weight.
        seed: Makes the result repeatable.
    """
    encoder = TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=seed))
    prepared = by_kind(
        [
            ("numbers", "passthrough", plan.positions("number")),
            ("categories", category_codes(), plan.positions("category")),
            ("encoded", encoder, plan.positions("encoded")),
        ]
    )
    weight = None if class_weight == "none" else class_weight
    model = HistGradientBoostingClassifier(
        random_state=seed, early_stopping=False, class_weight=weight, **whole_numbers(settings)
    )
    return make_pipeline(prepared, model)


def plain_boosting(plan: Plan, seed: int) -> Pipeline:
    """The same algorithm as it comes, on the raw join: what is left without any feature engineering."""
    prepared = by_kind(
        [
            ("numbers", "passthrough", plan.positions("number")),
            ("categories", category_codes(), plan.positions("category")),
        ]
    )
    return make_pipeline(prepared, HistGradientBoostingClassifier(random_state=seed, early_stopping=False))


def logistic_baseline(plan: Plan) -> Pipeline:
    """Logistic regression on the raw join: standardised numbers, one column for each category that is not rare."""
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=RAREST_CATEGORY)
    prepared = by_kind(
        [("numbers", scaled, plan.positions("number")), ("categories", one_hot, plan.positions("category"))]
    )
    return make_pipeline(prepared, LogisticRegression(max_iter=300))


def rule_baseline(plan: Plan) -> Pipeline:
    """One good rule: the two questions about raw numbers that tell most, as a person would write them down."""
    numbers = plan.positions("number")
    questions = ("numbers", SimpleImputer(strategy="median"), numbers)
    if not numbers:  # a table of categories only
        questions = ("categories", category_codes(), plan.positions("category"))
    tree = DecisionTreeClassifier(max_depth=QUESTIONS, min_samples_leaf=SMALLEST_ANSWER)
    return make_pipeline(by_kind([questions]), tree)


def rule_as_text(rule: Pipeline, plan: Plan, classes: list[str]) -> str:
    """Write the rule down."""
    names = plan.names("number") or plan.names("category")
    return str(export_text(rule[-1], feature_names=names, class_names=classes, decimals=1)).rstrip()


def prior_baseline() -> DummyClassifier:
    """Always answers the shares of the classes: what one reaches without looking at the features."""
    return DummyClassifier(strategy="prior")


def probabilities_of(model: Any, table: object, classes: int) -> NDArray[np.float64]:
    """Return the probability of each class, shape (rows, classes); 0 for a class that the model never saw."""
    known = model.predict_proba(table)
    probabilities = np.zeros((len(known), classes))
    probabilities[:, model.classes_] = known
    return probabilities


def scores_of(model: Pipeline, table: object) -> NDArray[np.float64]:
    """Return the score of each class, shape (rows, classes)."""
    return both_scores(np.asarray(model.decision_function(table), dtype=np.float64))


def both_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one column for each class also where scikit-learn gives two classes a single score."""
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
