"""How many frames tracks have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reidbench.datasets.synthetic.settings import LONGEST_TRACK, SyntheticSettings, check_integer
from reidbench.errors import ConfigError

_CONCENTRATION = 5.0  # of the beta distribution; larger ones crowd around the mean


@dataclass(frozen=True)
class Lengths:
    """Natural track lengths: a beta distribution between the shortest and the longest, around a mean."""

    shortest: int
    longest: int
    mean: float

    def __post_init__(self) -> None:
        """Check the order.

        Raises:
            ConfigError: a length is out of range, or the mean is not between the ends.
        """
        check_integer("min_frames", self.shortest, 1, LONGEST_TRACK)
        check_integer("max_frames", self.longest, self.shortest + 1, LONGEST_TRACK)
        if not self.shortest < self.mean < self.longest:
            raise ConfigError(
                f"synthetic setting mean_frames must lie between min_frames {self.shortest} and "
                f"max_frames {self.longest}, got {self.mean}"
            )

    def chosen_by(self, settings: SyntheticSettings) -> Lengths:
        """Return these lengths with what the settings say in their place."""
        return Lengths(
            self.shortest if settings.min_frames is None else settings.min_frames,
            self.longest if settings.max_frames is None else settings.max_frames,
            self.mean if settings.mean_frames is None else settings.mean_frames,
        )

    def draw(self, rng: np.random.Generator) -> int:
        """Draw one length."""
        share = (self.mean - self.shortest) / (self.longest - self.shortest)
        drawn = rng.beta(share * _CONCENTRATION, (1 - share) * _CONCENTRATION)
        return self.shortest + round(drawn * (self.longest - self.shortest))
