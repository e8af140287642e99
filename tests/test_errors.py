from __future__ import annotations

import json

import numpy as np
import pytest

from reidbench.errors import MAX_QUOTE, DatasetError, describe_error, make_printable, quote, shorten_quotes

HOSTILE = "a\x1b]0;title\x07b\x9b31m\u202ec\ud800\rd\x00"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("tom", "'tom'"),
        (b"tom", "b'tom'"),
        (2.5, "2.5"),
        (np.int64(3), "3"),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
        (10**6000, "a number of about 6,001 digits"),
        ("a\nb\x1b", r"'a\nb\x1b'"),
    ],
    ids=["text", "bytes", "float", "numpy", "none", "list", "number", "controls"],
)
def test_quote_writes_a_value_as_python_does(value: object, text: str) -> None:
    assert quote(value) == text


class _Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        list(range(10**5)),
        {"a": ["y" * 1000] * 1000},
        [10**6000],
        _Unprintable(),
        "\x1b" * 200,
    ],
    ids=["text", "bytes", "list", "table", "number", "object", "controls"],
)
def test_quote_is_short_and_printable(value: object) -> None:
    text = quote(value)

    assert len(text) <= MAX_QUOTE + 3
    assert text.isprintable()


def test_quote_keeps_80_characters_whole() -> None:
    assert quote("x" * MAX_QUOTE) == repr("x" * MAX_QUOTE)


def test_long_reason_of_a_library_is_cut() -> None:
    assert len(describe_error(ValueError("a\n" * 10_000))) == 240
    assert describe_error(KeyError()) == "KeyError"


def test_quotes_of_libraries_are_shortened() -> None:
    message = f"the dataset's file '{'x' * 90}' isn't one of 'a', {'y' * 200} or {'z' * 70}/{'z' * 70}"

    expected = f"the dataset's file '{'x' * 76}...' isn't one of 'a', {'y' * 77}... or {'z' * 70}/{'z' * 70}"
    assert shorten_quotes(message) == expected


def test_control_characters_are_escaped() -> None:
    assert make_printable(HOSTILE) == r"a\u001b]0;title\u0007b\u009b31m\u202ec\ud800\u000dd\u0000"
    assert make_printable("two\nlines\tof Wörter, 人\u00a0") == "two\nlines\tof Wörter, 人\u00a0"


def test_escaped_json_keeps_its_meaning() -> None:
    value = {"name": "tag \U000e0041 and \x9b and \u202e"}

    assert json.loads(make_printable(json.dumps(value, ensure_ascii=False))) == value


def test_message_of_an_error_has_no_control_characters() -> None:
    assert str(DatasetError(f"cannot read {HOSTILE}")).isprintable()
