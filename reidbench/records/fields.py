"""Types of the fields of record files; msgspec checks them while it reads a file."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

MAX_INTEGER = 2**53
"""Whole numbers above this are not the same number in all readers of JSON."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
"""A number of items, or the position of one."""

Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]

Text: TypeAlias = Annotated[str, Meta(max_length=10_000)]

FileName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A[^/\\\x00]+\Z")]
"""The name of a file in the folder of the record."""

RateName: TypeAlias = Annotated[str, Meta(pattern=r"\A([01]|0\.\d{1,20}|\d(\.\d{1,20})?e-\d{2,3})\Z")]
"""A share between 0 and 1, as Python's format `g` writes it."""

Number: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Scalar: TypeAlias = bool | Number | float | Text | None

# Settings are never nested more deeply; a deeper value would exhaust the stack of some reader.
_Inner: TypeAlias = Scalar | list[Scalar] | dict[str, Scalar]
_Middle: TypeAlias = Scalar | list[_Inner] | dict[str, _Inner]
_Outer: TypeAlias = Scalar | list[_Middle] | dict[str, _Middle]

Plain: TypeAlias = Scalar | list[_Outer] | dict[str, _Outer]
"""A value of JSON types with at most four levels of lists and objects."""
