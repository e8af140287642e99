"""Colours of clothes, hair and skin: a limited palette of mostly dark and grey colours, as in an airport."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Colour = tuple[int, int, int]
"""Red, green and blue in 0..255, under neutral light."""

CLOTHES: Mapping[str, Colour] = {
    "black": (30, 30, 32),
    "charcoal": (60, 60, 64),
    "grey": (112, 112, 115),
    "light grey": (168, 168, 170),
    "white": (222, 221, 217),
    "navy": (32, 40, 74),
    "blue": (50, 82, 145),
    "light blue": (130, 165, 205),
    "denim": (70, 90, 125),
    "brown": (94, 66, 46),
    "beige": (190, 168, 132),
    "khaki": (122, 112, 80),
    "olive": (76, 84, 52),
    "dark green": (30, 72, 50),
    "green": (60, 132, 82),
    "red": (168, 40, 45),
    "burgundy": (98, 28, 42),
    "pink": (214, 140, 160),
    "purple": (92, 60, 118),
    "orange": (214, 120, 46),
    "yellow": (224, 194, 76),
    "teal": (36, 112, 116),
}

# Weights in the order of CLOTHES; `pick` normalises them.
UPPER_WEIGHTS = (22, 13, 9, 5, 9, 14, 7, 4, 2, 4, 3, 2, 2, 2, 1, 4, 3, 1, 1, 1, 1, 1)
LOWER_WEIGHTS = (26, 13, 8, 2, 2, 14, 3, 1, 18, 4, 5, 4, 2, 1, 0, 1, 1, 0, 0, 0, 0, 0)
ACCENT_WEIGHTS = (8, 4, 5, 5, 14, 5, 6, 6, 1, 3, 5, 2, 2, 2, 4, 9, 3, 4, 3, 4, 6, 3)
BAG_WEIGHTS = (40, 14, 8, 2, 2, 14, 4, 1, 1, 10, 4, 2, 3, 1, 1, 4, 3, 1, 1, 1, 1, 1)
SHOE_WEIGHTS = (48, 8, 6, 2, 10, 4, 1, 0, 0, 16, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0)

HAIR: tuple[Colour, ...] = ((24, 21, 20), (56, 38, 27), (104, 72, 44), (196, 162, 104), (158, 156, 152))
HAIR_WEIGHTS = (34, 30, 16, 12, 8)
SKIN: tuple[Colour, ...] = ((232, 194, 168), (214, 168, 136), (182, 132, 98), (134, 92, 66), (92, 62, 46))
SKIN_WEIGHTS = (30, 28, 18, 14, 10)


def pick(rng: np.random.Generator, colours: tuple[Colour, ...], weights: tuple[int, ...]) -> Colour:
    """Draw one of `colours` in proportion to `weights`."""
    probabilities = np.asarray(weights, dtype=np.float64)
    return colours[int(rng.choice(len(colours), p=probabilities / probabilities.sum()))]


def pick_cloth(rng: np.random.Generator, weights: tuple[int, ...], sigma: float) -> Colour:
    """Draw a colour of clothes and vary it by `sigma` levels, so that two navy jackets differ in colour."""
    return vary_colour(rng, pick(rng, tuple(CLOTHES.values()), weights), sigma)


def pick_contrast(rng: np.random.Generator, base: Colour, sigma: float) -> Colour:
    """Draw an accent colour with enough contrast to `base`, or the one of six draws with the most contrast."""
    candidates = [pick_cloth(rng, ACCENT_WEIGHTS, sigma) for _ in range(6)]
    visible = [colour for colour in candidates if contrast(colour, base) > 0.45]
    return visible[0] if visible else max(candidates, key=lambda colour: contrast(colour, base))


def contrast(first: Colour, second: Colour) -> float:
    """Return the contrast of two colours, proportional to their L1 distance; 0 for equal colours."""
    return float(np.abs(np.subtract(first, second)).sum() / (3 * 255) * 1.5)


def vary_colour(rng: np.random.Generator, colour: Colour, sigma: float) -> Colour:
    """Add Gaussian noise to a colour; half of the variance is common to all channels, as with fading."""
    steps = rng.normal(0, sigma * 0.7, 3) + rng.normal(0, sigma * 0.7)
    red, green, blue = np.clip(np.rint(np.asarray(colour) + steps), 8, 245).astype(int).tolist()
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """Return a darker (factor < 1) or lighter variant of a colour."""
    red, green, blue = (min(255, round(value * factor)) for value in colour)
    return red, green, blue
