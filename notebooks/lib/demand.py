"""Bike-hire demand: making, cleaning and forecasting it. Pandas in, pandas out."""

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pandas as pd

#: The model's inputs, in the order of its weights.
FEATURES = ["last_week", "mean_4_weeks", "weekend"]
#: How many hires a day has compared to the station's mean, Monday to Sunday.
WEEKDAY_SHAPE = [0.95, 1.0, 1.02, 1.05, 1.1, 0.95, 0.8]
#: The days at the end of the history that the model is measured on and never sees in training.
HOLDOUT_DAYS = 14


def make_hires(stations: list[str], days: int, last_day: date, seed: int) -> pd.DataFrame:
    """Raw hires, one row a station and day (`station`, `day`, `hires`), with faults as real exports have.

    The faults are one row twice, one negative count and one row without a station. The same arguments
    give the same rows.
    """
    random = np.random.default_rng(seed)
    rows = []
    for position, station in enumerate(stations):
        level = 14 + 4 * position
        for offset in range(days):
            day = last_day - timedelta(days=days - 1 - offset)
            growth = 1 + 0.0015 * offset
            expected = level * WEEKDAY_SHAPE[day.weekday()] * growth
            rows.append((station, day, max(0, round(random.normal(expected, 2.0)))))
    first = rows[0]
    rows += [first, (first[0], last_day - timedelta(days=days), -1), (None, last_day, 5)]
    return pd.DataFrame(rows, columns=["station", "day", "hires"])


def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """The raw rows without those that have no station or a negative count, and each station and day once."""
    valid = raw[raw["station"].notna() & (raw["hires"] >= 0)]
    unique = valid.drop_duplicates(["station", "day"], keep="last")
    return unique.sort_values(["station", "day"]).reset_index(drop=True)


def add_features(hires: pd.DataFrame, days: Iterable[date]) -> pd.DataFrame:
    """One row for each station and each of `days` that has four weeks of history, with the model's inputs.

    `hires` is the known count, or missing for a day to come. Training and scoring both use this function,
    so that they cannot disagree about what a feature means.
    """
    known = {
        (station, day): count
        for station, day, count in hires[["station", "day", "hires"]].itertuples(index=False)
    }
    rows = []
    for station in sorted(hires["station"].unique()):
        for day in days:
            weeks = [known.get((station, day - timedelta(weeks=back))) for back in range(1, 5)]
            if any(count is None for count in weeks):
                continue
            count = known.get((station, day))
            rows.append((station, day, count, float(weeks[0]), sum(weeks) / 4, float(day.weekday() >= 5)))
    return pd.DataFrame(rows, columns=["station", "day", "hires", *FEATURES])


def history_days(hires: pd.DataFrame) -> list[date]:
    """The days that `hires` has, in order."""
    return sorted(set(hires["day"]))


def coming_days(hires: pd.DataFrame, horizon: int) -> list[date]:
    """The `horizon` days after the last one of `hires`; ValueError unless it is 1 to 7."""
    if not 1 <= horizon <= 7:
        raise ValueError(f"horizon is {horizon} days; the model can look 1 to 7 days ahead")
    last = max(hires["day"])
    return [last + timedelta(days=ahead) for ahead in range(1, horizon + 1)]


def split(features: pd.DataFrame, holdout_days: int = HOLDOUT_DAYS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to train on, and the last `holdout_days` days to measure on (a random split would leak)."""
    border = max(features["day"]) - timedelta(days=holdout_days)
    return features[features["day"] <= border], features[features["day"] > border]


def fit(features: pd.DataFrame, ridge: float = 1.0) -> dict[str, float]:
    """The weights of a ridge regression, by feature name, and `intercept`. ValueError without rows."""
    if features.empty:
        raise ValueError("no rows to train on: the history is shorter than four weeks and the holdout")
    inputs = features[FEATURES].to_numpy(dtype=float)
    target = features["hires"].to_numpy(dtype=float)
    centre, mean = inputs.mean(axis=0), target.mean()
    centred = inputs - centre
    weights = np.linalg.solve(
        centred.T @ centred + ridge * np.eye(len(FEATURES)), centred.T @ (target - mean)
    )
    return {**dict(zip(FEATURES, weights.tolist(), strict=True)), "intercept": float(mean - centre @ weights)}


def predict(features: pd.DataFrame, weights: dict[str, float]) -> np.ndarray:
    """Expected hires of each row, never below zero."""
    inputs = features[FEATURES].to_numpy(dtype=float)
    return np.maximum(0.0, inputs @ np.array([weights[name] for name in FEATURES]) + weights["intercept"])


def rmse(actual: pd.Series, predicted: Iterable[float]) -> float:
    """Root mean squared error, in hires a day."""
    error = np.asarray(actual, dtype=float) - np.asarray(predicted, dtype=float)
    return float(np.sqrt(np.mean(error**2)))


def train(features: pd.DataFrame, ridge: float = 1.0) -> tuple[dict[str, float], dict[str, float]]:
    """Weights, and metrics on the holdout: `rmse`, and `baseline_rmse` of the guess "as last week"."""
    training, holdout = split(features)
    weights = fit(training, ridge)
    metrics = {
        "rmse": rmse(holdout["hires"], predict(holdout, weights)),
        "baseline_rmse": rmse(holdout["hires"], holdout["last_week"]),
    }
    return weights, metrics
