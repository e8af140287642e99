"""Colours of clothes as in a winter street: most people share a few dark ones."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.synthetic.people.appearance import Colour

Levels = tuple[int, int, int]

# Black, charcoal, navy, dark grey, dark brown and dark olive, with their frequencies.
DARK_TOPS: tuple[Levels, ...] = (
    (28, 28, 30), (52, 53, 57), (30, 38, 66), (84, 85, 88), (66, 50, 40), (56, 60, 46),
)  # fmt: skip
DARK_TOP_WEIGHTS = (0.28, 0.2, 0.2, 0.14, 0.1, 0.08)
# Black, denim, dark grey and beige.
TROUSERS: tuple[Levels, ...] = ((32, 32, 35), (62, 78, 110), (80, 80, 84), (134, 118, 92))
TROUSER_WEIGHTS = (0.4, 0.32, 0.18, 0.1)
BRIGHT: tuple[Levels, ...] = (
    (170, 42, 46), (216, 214, 208), (198, 160, 60), (60, 120, 86), (66, 108, 176), (206, 128, 150), (176, 158, 128),
    (112, 66, 128), (206, 112, 52),
)  # fmt: skip
ACCENTS: tuple[Levels, ...] = (
    (206, 204, 198), (148, 148, 150), (96, 98, 102), (150, 48, 50), (72, 106, 160), (176, 158, 128), (36, 36, 38),
    (70, 110, 84),
)  # fmt: skip
BAGS: tuple[Levels, ...] = (
    (30, 30, 32),
    (60, 60, 64),
    (36, 44, 74),
    (100, 70, 48),
    (130, 44, 46),
    (120, 112, 84),
)
SHOES: tuple[Levels, ...] = ((28, 28, 30), (70, 50, 38), (110, 84, 60), (200, 198, 194), (70, 74, 84))
HAIR: tuple[Levels, ...] = ((24, 21, 20), (50, 36, 27), (96, 68, 44), (180, 148, 100), (150, 148, 145))
HAIR_WEIGHTS = (0.34, 0.3, 0.16, 0.12, 0.08)
SKIN: tuple[Levels, ...] = ((226, 188, 164), (208, 164, 134), (178, 130, 98), (132, 92, 68), (92, 64, 48))
SKIN_WEIGHTS = (0.32, 0.28, 0.17, 0.13, 0.1)


def pick(
    rng: np.random.Generator,
    colours: tuple[Levels, ...],
    sigma: float,
    weights: tuple[float, ...] | None = None,
) -> Colour:
    """Draw a colour and vary it by `sigma` levels; half of the variance is common to all channels, as with fading."""
    base = np.array(colours[int(rng.choice(len(colours), p=weights))])
    levels = base + rng.normal(0, 0.7 * sigma, 3) + rng.normal(0, 0.7 * sigma)
    red, green, blue = (np.clip(levels, 8, 245) / 255).tolist()
    return red, green, blue


def mix(base: Colour, accent: Colour, share: float) -> Colour:
    """Return a colour between `base` (share 0) and `accent` (share 1)."""
    red, green, blue = (low + share * (high - low) for low, high in zip(base, accent, strict=True))
    return red, green, blue


def pick_contrast(rng: np.random.Generator, base: Colour, sigma: float) -> Colour:
    """Draw an accent colour; of three draws the one that differs most from `base`."""
    draws = [pick(rng, ACCENTS, sigma) for _ in range(3)]
    return max(draws, key=lambda colour: float(np.abs(np.subtract(colour, base)).sum()))
