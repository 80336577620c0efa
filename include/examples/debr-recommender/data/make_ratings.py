"""Make up the ratings that the recommender learns from, the same ones each time.

Each user and each item has a place on four scales of taste ("how much news", "how much music", ...). A user
likes items that are near on these scales; chance does the rest. Run it with any Python 3:

    python data/make_ratings.py
"""

import csv
import random
from pathlib import Path

SEED = 20
USERS = 150
ITEMS = 60
TASTES = 4
RATINGS = 3000


def make_ratings():
    """Return rows of user, item and rating (0.5 to 5 in halves), each pair of user and item once at most."""
    # random() is the one method that gives the same numbers in every version of Python.
    chance = random.Random(SEED).random
    users = [[2 * chance() - 1 for _ in range(TASTES)] for _ in range(USERS)]
    items = [[2 * chance() - 1 for _ in range(TASTES)] for _ in range(ITEMS)]
    ratings = {}
    while len(ratings) < RATINGS:
        user, item = int(chance() * USERS), int(chance() * ITEMS)
        likes = sum(a * b for a, b in zip(users[user], items[item]))
        noise = chance() + chance() - 1
        rating = round(2 * (3 + 1.6 * likes + 0.5 * noise)) / 2
        ratings[user, item] = min(max(rating, 0.5), 5.0)
    return [(f"user-{user:03}", f"item-{item:03}", rating) for (user, item), rating in sorted(ratings.items())]


if __name__ == "__main__":
    with Path(__file__).with_name("ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["user", "item", "rating"])
        writer.writerows(make_ratings())
