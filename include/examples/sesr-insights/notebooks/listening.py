"""Reading the listening figures: shared by the notebooks of this folder."""

import csv
from collections import defaultdict
from pathlib import Path

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read_plays(path="data/listening.csv"):
    """Return the plays of each hour of the week, as ``{weekday: [plays at 0:00, plays at 1:00, ...]}``."""
    plays = defaultdict(lambda: [0] * 24)
    with Path(path).open(newline="") as file:
        for row in csv.DictReader(file):
            plays[row["weekday"]][int(row["hour"])] += int(row["plays"])
    return {weekday: plays[weekday] for weekday in WEEKDAYS}


def busiest_hour(plays):
    """Return the weekday and the hour with the most plays."""
    return max(((weekday, hour) for weekday in plays for hour in range(24)), key=lambda at: plays[at[0]][at[1]])
