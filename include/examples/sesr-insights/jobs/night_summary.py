"""A task in a plain Python file. It runs in this file's folder, so the data are one folder up."""

import csv
from pathlib import Path

LISTENING = Path("../notebooks/data/listening.csv")


def summarise(from_hour, until_hour):
    """Add up the plays of the hours of the night, each weekday; from 22 until 5 goes over midnight."""
    night = (until_hour - from_hour) % 24
    totals = {}
    with LISTENING.open(newline="") as file:
        for row in csv.DictReader(file):
            if (int(row["hour"]) - from_hour) % 24 < night:
                totals[row["weekday"]] = totals.get(row["weekday"], 0) + int(row["plays"])
    for weekday, plays in totals.items():
        print(f"{weekday}: {plays} plays between {from_hour}:00 and {until_hour}:00")
    return totals
