"""Track lengths in frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reidbench.datasets.synthetic.settings import MAX_FRAMES, SyntheticSettings, check_integer
from reidbench.errors import ConfigError

# Concentration of the beta distribution; larger values give lengths closer to the mean.
_CONCENTRATION = 5.0


@dataclass(frozen=True)
class Lengths:
    """Natural track lengths: a beta distribution in [shortest, longest] with the given mean."""

    shortest: int
    longest: int
    mean: float

    def __post_init__(self) -> None:
        """Check the range and order of the lengths.

        Raises:
            ConfigError: a length is out of range, or the mean is not between shortest and longest.
        """
        check_integer("min_frames", self.shortest, 1, MAX_FRAMES)
        check_integer("max_frames", self.longest, self.shortest + 1, MAX_FRAMES)
        if not self.shortest < self.mean < self.longest:
            raise ConfigError(
                f"synthetic setting mean_frames must be between min_frames {self.shortest} and "
                f"max_frames {self.longest}, got {self.mean}"
            )

    def override(self, settings: SyntheticSettings) -> Lengths:
        """Return these lengths, replaced by the lengths that the settings give."""
        return Lengths(
            self.shortest if settings.min_frames is None else settings.min_frames,
            self.longest if settings.max_frames is None else settings.max_frames,
            self.mean if settings.mean_frames is None else settings.mean_frames,
        )

    def draw(self, rng: np.random.Generator, settings: SyntheticSettings) -> int:
        """Draw the length of one track, with the lengths that the settings give instead of these."""
        if settings.frames is not None:
            return settings.frames
        lengths = self.override(settings)
        span = lengths.longest - lengths.shortest
        mean = (lengths.mean - lengths.shortest) / span
        return lengths.shortest + round(rng.beta(mean * _CONCENTRATION, (1 - mean) * _CONCENTRATION) * span)
