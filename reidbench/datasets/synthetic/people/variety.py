"""All numbers of the people that calibration may change.

The values were chosen on seeds that no reported figure uses. A change needs a new renderer version.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How much people differ; a share is the fraction of people, or of their tops, with a trait.

    Attributes:
        build_spread: factor of the standard deviations in `Build`.
        gait_spread: factor of the standard deviations in `Gait`.
        colour_sigma: colour difference between clothes of the same palette colour, in 8-bit levels.
        bright_share: tops in a bright colour; the others are in one of six dark colours.
        pattern_contrast: limits of the contrast of a pattern, as a fraction of that of its two colours.
        print_share: prints on the chest; as many on the back.
        long_share: tops that hang over the thighs.
    """

    build_spread: float = 1.0
    gait_spread: float = 1.0
    colour_sigma: float = 6.0
    bright_share: float = 0.1
    pattern_share: float = 0.65
    pattern_contrast: tuple[float, float] = (0.4, 1.0)
    print_share: float = 0.35
    accent_sleeve_share: float = 0.15
    short_sleeve_share: float = 0.12
    open_share: float = 0.3
    long_share: float = 0.35
    skirt_share: float = 0.15
    shorts_share: float = 0.03
    stripe_share: float = 0.12
    bag_share: float = 0.45
    hat_share: float = 0.2
    glasses_share: float = 0.25


VARIETY = Variety()
