"""The numbers that the team changes now and then, in one place."""

from datetime import date

# How many days ahead the forecast looks. At most 7: the model needs the same weekday of the week before.
HORIZON_DAYS = 7

STATIONS = ["Central", "Harbour", "Market", "Museum", "Park", "Station Road", "Stadium", "University"]

# The example makes its own data: always the same, so that two runs of the same commit give the same result.
LAST_DAY = date(2026, 6, 28)
HISTORY_DAYS = 84
SEED = 20260628
