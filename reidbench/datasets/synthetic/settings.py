"""What a user may choose about a synthetic tree."""

from __future__ import annotations

from dataclasses import dataclass, field

from reidbench.errors import ConfigError

LARGEST_TREE = 10_000  # people; the layouts number folders and positions well below this
LONGEST_TRACK = 1_000  # frames


@dataclass(frozen=True, kw_only=True)
class SyntheticSettings:
    """Size and seed of a synthetic tree; how hard it is, is fixed by the renderer version."""

    people: int = field(default=300, metadata={"help": "people, each seen by both cameras"})
    frames: int | None = field(
        default=None, metadata={"help": "frames of every track; none = natural lengths"}
    )
    seed: int = field(default=0, metadata={"help": "seed of everything that is drawn"})
    masks: bool = field(default=False, metadata={"help": "also write who covers which pixel"})
    min_frames: int = field(default=23, metadata={"help": "shortest natural track"})
    max_frames: int = field(default=192, metadata={"help": "longest natural track"})
    mean_frames: float = field(default=73.0, metadata={"help": "mean length of natural tracks"})

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a value is out of range; the message names it.
        """
        _check_integer("people", self.people, 2, LARGEST_TREE)
        _check_integer("seed", self.seed, 0, 2**63 - 1)
        if self.frames is not None:
            _check_integer("frames", self.frames, 1, LONGEST_TRACK)
        _check_integer("min_frames", self.min_frames, 1, LONGEST_TRACK)
        _check_integer("max_frames", self.max_frames, self.min_frames + 1, LONGEST_TRACK)
        if not self.min_frames < self.mean_frames < self.max_frames:
            raise ConfigError(
                f"synthetic setting mean_frames must lie between min_frames {self.min_frames} and "
                f"max_frames {self.max_frames}, got {self.mean_frames}"
            )


def _check_integer(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(
            f"synthetic setting {name} must be a whole number in [{low}, {high}], got {value!r}"
        )
