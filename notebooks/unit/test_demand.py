"""pytest's tests of `lib/demand`. The notebook `tests/test_units` runs them; so does `python -m pytest unit` anywhere."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from lib import demand

MONDAY = date(2026, 3, 2)


@pytest.fixture
def features():
    """Four weeks of one station whose hires are exactly 0.75 × last week's + 5, and 3 more at weekends."""
    days = [MONDAY + timedelta(days=offset) for offset in range(28)]
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"station": "Park", "day": days, "last_week": random.uniform(10, 90, len(days))})
    rows["mean_4_weeks"] = random.uniform(10, 90, len(days))
    rows["weekend"] = [float(day.weekday() >= 5) for day in days]
    rows["hires"] = 0.75 * rows["last_week"] + 3 * rows["weekend"] + 5
    return rows


def test_the_holdout_is_the_last_days_and_none_of_them_is_trained_on(features):
    training, holdout = demand.split(features, holdout_days=7)
    assert len(holdout) == 7 and len(training) == 21
    assert max(training["day"]) < min(holdout["day"])


def test_fit_finds_the_weights_that_the_data_was_made_with(features):
    weights = demand.fit(features, ridge=0.0)
    expected = {"last_week": 0.75, "mean_4_weeks": 0.0, "weekend": 3.0, "intercept": 5.0}
    assert weights == pytest.approx(expected, abs=1e-9)
    assert demand.predict(features, weights) == pytest.approx(features["hires"].to_numpy())


def test_a_forecast_is_never_below_zero(features):
    weights = {"last_week": -1.0, "mean_4_weeks": 0.0, "weekend": 0.0, "intercept": 0.0}
    assert demand.predict(features, weights).tolist() == [0.0] * len(features)


def test_fit_refuses_a_history_that_is_too_short(features):
    with pytest.raises(ValueError, match="no rows to train on"):
        demand.fit(features.head(0))


@pytest.mark.parametrize("horizon", [1, 7])
def test_the_coming_days_begin_after_the_last_one(features, horizon):
    days = demand.coming_days(features, horizon)
    assert days == [MONDAY + timedelta(days=27 + ahead) for ahead in range(1, horizon + 1)]
