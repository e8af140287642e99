from __future__ import annotations

import ast

import pytest

from reidbench.source.tree import parse_source, tree_digest

# Source and the first 16 digits of its digest, the same on every supported version of Python.
SAMPLES = {
    "module": (
        '"""A module."""\nfrom __future__ import annotations\nimport a.b as c\nfrom . import d\n',
        "adc772022cc462df",
    ),
    "class": (
        "@d\nclass A(B, metaclass=M):\n    x: int = 3\n\n    def f(self, a, /, b=None, *args, c=1.5, **more): ...\n",
        "6c4e5f0265dad38f",
    ),
    "async": (
        "async def f():\n    async for x in y:\n        await z\n    return [i async for i in x if i]\n",
        "9b8b91e13c93079d",
    ),
    "statements": (
        "for a, *b in c:\n    del a[1:2, ::3]\nelse:\n    assert not (a < b <= c), 'no'\n",
        "b935cef3da5d874b",
    ),
    "try": (
        "try:\n    pass\nexcept* E as e:\n    raise F from e\nfinally:\n    global g\n",
        "367c4c3458c80b02",
    ),
    "match": (
        "match x:\n    case {'a': None, **r} | C(a=-1+2j):\n        pass\n    case [1, *_]:\n        pass\n",
        "4d3c95887770a7cb",
    ),
    "constants": (
        "x = (None, True, ..., 0x10, 10**400, 1e999, 0.1, 2j, b'a' b'\\xff', u'\\u1234', '\\ud800')\n",
        "d1a0758855d26966",
    ),
    "lambda": ("x = lambda *, a, b=1: (y := a) if b else {**a, 'b': [*c]}\n", "dc93ed7388629896"),
    "f-string": ("x = f'a{b!r}c' 'd' f'' f'{e}'\n", "5c70c079edd35831"),
    "f-string-with-nested-format": ("x = f'{a!r:^{width}.{precision}}{b:{c}{d}}'\n", "a658959ea043a5c0"),
    "f-string-with-equals-sign": ("x = f'{a = !s:5}{b=}'\n", "c70092545d95b297"),
    "f-string-with-empty-parts": ("x = f'{a:}{b:{\"\"}}{{}}'\n", "0261588527962230"),
}


def digest_of(source: str) -> str:
    tree = parse_source(source.encode())
    assert tree is not None
    return tree_digest(tree)


@pytest.mark.parametrize("name", SAMPLES)
def test_digest_has_the_stored_value_on_every_version_of_python(name: str) -> None:
    source, expected = SAMPLES[name]

    assert digest_of(source)[:16] == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "\n# A comment.\nx   =   1  # here\n"),
        ("def f():\n    return 1\n", 'def f():\n    """Return 1."""\n    return 1\n'),
        ("class A:\n    x = 1\n", 'class A:\n    """A class."""\n\n    x = 1\n    """An attribute."""\n'),
        ("x = 'ab'\n", 'x = (\n    "a"\n    u"b"\n)\n'),
        ("x = 16\n", "x = 0x10\n"),
        ("x = f'ab{c}'\n", "x = f'a' 'b' f'{c}'\n"),
        ("x = 1\n", "x = 1\r\n"),
    ],
)
def test_layout_comments_and_docstrings_do_not_change_the_digest(before: str, after: str) -> None:
    assert digest_of(before) == digest_of(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "x = 1.0\n"),
        ("x = 1\n", "x = True\n"),
        ("x = 'a'\n", "x = b'a'\n"),
        ("x = 0.1\n", "x = 0.10000000000000002\n"),
        ("x = None\n", "x = 'None'\n"),
        ("x = f'{a}'\n", "x = f'{a!s}'\n"),
        ("f(1, 2)\n", "f((1, 2))\n"),
        ("x = ['a', 'b']\n", "x = ['ab']\n"),
        ("x: int\n", "x: float\n"),
        ("def f(a, b=None): ...\n", "def f(a=None, b=None): ...\n"),
        ("if a:\n    b\nc\n", "if a:\n    b\n    c\n"),
        ("x = 'a'\n", "'a'\n"),
    ],
)
def test_every_change_of_the_code_changes_the_digest(before: str, after: str) -> None:
    assert digest_of(before) != digest_of(after)


def test_long_sums_are_digested() -> None:
    assert digest_of(" + ".join(["x"] * 2000)) != digest_of(" + ".join(["x"] * 2001))


@pytest.mark.parametrize("source", [b"x = (", b"x = '\xff'", b"x = 1\0"])
def test_text_that_is_not_python_has_no_tree(source: bytes) -> None:
    assert parse_source(source) is None


def test_positions_are_no_fields() -> None:
    """Guards the assumption of the digest on a new version of Python."""
    assert not set(ast.Constant._fields) & {"lineno", "col_offset"}
