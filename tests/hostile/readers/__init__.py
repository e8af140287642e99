"""The table of all readers: how to make a valid input, how to damage it, and how to read it as a user does."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hostile.reader import Reader
from tests.hostile.readers import caches, commands, features, frames, matlab, plugins, records, trees

_MODULES = (records, caches, features, trees, matlab, frames, plugins, commands)
READERS: Mapping[str, Reader] = {reader.name: reader for module in _MODULES for reader in module.READERS}
