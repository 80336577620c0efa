"""Make up the listening figures, the same ones each time: a morning and an evening peak, later at weekends.

    python notebooks/data/make_listening.py
"""

import csv
import random
from pathlib import Path

SEED = 7
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def make_listening():
    """Return rows of weekday, hour (0 to 23) and number of plays."""
    # random() is the one method that gives the same numbers in every version of Python.
    chance = random.Random(SEED).random
    rows = []
    for number, weekday in enumerate(WEEKDAYS):
        morning, evening = (7, 18) if number < 5 else (10, 20)
        for hour in range(24):
            peaks = 900 / (1 + (hour - morning) ** 2 / 6) + 600 / (1 + (hour - evening) ** 2 / 10)
            rows.append((weekday, hour, 40 + int(peaks) + int(60 * chance())))
    return rows


if __name__ == "__main__":
    with Path(__file__).with_name("listening.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["weekday", "hour", "plays"])
        writer.writerows(make_listening())
