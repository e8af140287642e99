"""What can happen when a damaged input is read."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from tests.calls import Answer


class Outcome(enum.Enum):
    """The outcome of one input."""

    SAME = "same result"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear refusal"
    TRACEBACK = "traceback"
    HANG = "hang"
    CRASH = "crash"
    MEMORY = "memory"
    WRONG = "silently wrong"
    LEFTOVER = "leftover"


ALLOWED = frozenset({Outcome.SAME, Outcome.ACCEPTED, Outcome.REFUSED})
# 0 success; 1 a check failed; 2 bad input; 3 a plugin failed; 130 interrupted.
EXIT_CODES = frozenset({0, 1, 2, 3, 130})
# All but tab and line feed, and the characters that change the direction of text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MAX_LINE = 2000
_MAX_LINES = 20


@dataclass(frozen=True)
class Report:
    """One input and its outcome.

    Attributes:
        reader: name of the reader.
        seed: of the damage.
        damage: what was damaged.
        outcome: what happened.
        detail: last line of a traceback, or the message.
    """

    reader: str
    seed: int
    damage: str
    outcome: Outcome
    detail: str


def judge_text(answer: Answer) -> str | None:
    """Return what is wrong with the exit code and the messages of a command; None if all is documented."""
    if answer.code not in EXIT_CODES:
        return f"exit code {answer.code}"
    lines = [line for line in answer.err.splitlines() if line.strip()]
    if answer.code in (2, 3) and sum(line.lower().startswith("error:") for line in lines) != 1:
        return f"exit code {answer.code} without exactly one line 'error: ...'"
    if len(lines) > _MAX_LINES:
        return f"{len(lines)} lines on stderr"
    for text, name in ((answer.out, "stdout"), (answer.err, "stderr")):
        if match := _CONTROL.search(text):
            return f"control character {match[0]!r} on {name}"
    if any(len(line) > _MAX_LINE for line in lines):
        return "a line of more than 2000 characters on stderr"
    return None
