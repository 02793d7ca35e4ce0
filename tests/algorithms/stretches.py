"""Stretches of Big Buck Bunny, each within one shot and no two of one set-up, and films joined of them.

The rule, so that nobody picks what passes: of the film before its credits (below frame 11,700), 40 frames out of every
100, from frame 30 of the hundred on.
Of these, without any detector, on sheets of every third frame (of every frame where a picture changes much), those
are kept in which nothing cuts, fades or dissolves; and of several that show one place from one side, the first.
So a join of any two is one that people see.
What moves fast in them stays: an arm across the lens (7930), a whip pan (8530), a leap into the picture (5430).
"""

from itertools import pairwise

from tests.algorithms.joined import Join, Stretch

LENGTH = 40
#: By the number of their hundred.
_HUNDREDS = (
    *(1, 3, 4, 6, 8, 12, 18, 19, 24, 25, 27, 31, 35, 36, 41, 46, 47),
    *(50, 53, 54, 55, 56, 59, 64, 65, 66, 69, 70, 72, 73, 74, 79, 80, 82),
    *(85, 86, 90, 92, 95, 96, 97, 99, 100, 101, 105, 107, 109, 111, 112, 114, 116),
)
#: Every other join is a cut, so that no stretch is used up by two dissolves.
_JOINS = (
    *(Join("cut"), Join("dissolve", 6), Join("cut"), Join("dissolve", 12), Join("cut"), Join("fade", 16)),
    *(Join("cut"), Join("dissolve", 24), Join("cut"), Join("dissolve", 18)),
)
#: In the second half of the films the order is by strides of 20, which has no factor in common with the 51 of them.
_STRIDE = 20
#: How many stretches a film has.
_A_FILM = 17


def stretches() -> list[Stretch]:
    """All of them, in the order of the film."""
    return [Stretch(100 * hundred + 30, 100 * hundred + 30 + LENGTH) for hundred in _HUNDREDS]


def joined_films() -> list[tuple[list[Stretch], list[Join]]]:
    """Six films by their stretches and joins: 48 cuts, 38 dissolves, 10 fades; no stretch follows another twice."""
    once = stretches()
    again = [once[number * _STRIDE % len(once)] for number in range(len(once))]
    films, number = [], 0
    for order in (once, again):
        for first in range(0, len(order), _A_FILM):
            parts = order[first : first + _A_FILM]
            joins = [_JOINS[(number + place) % len(_JOINS)] for place, _ in enumerate(pairwise(parts))]
            number += len(joins)
            films.append((parts, joins))
    return films


#: Of the same windows of the film, those that show once more the place that an earlier one shows from the same side.
_REPEATED = ((8, 9), (19, 20), (25, 26), (31, 32), (36, 39), (56, 57), (86, 87), (92, 93))


def repeated_setups() -> list[tuple[Stretch, Stretch]]:
    """Two stretches each of one set-up, as a conversation comes back to it; the first two that show it."""
    return [
        (
            Stretch(100 * first + 30, 100 * first + 30 + LENGTH),
            Stretch(100 * again + 30, 100 * again + 30 + LENGTH),
        )
        for first, again in _REPEATED
    ]
