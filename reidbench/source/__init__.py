"""The source digest of a method: SHA-256 of the code and the declared files that its figures depend on.

Nothing is imported to compute it. The code is the module of the method and, transitively, what that imports of

- its own distribution, or of the folder of a `--plugin` file, with the `__init__` of every package on the way,
- reidbench, name by name: `from reidbench.nn import ConvGRUCell` leads to the module that defines `ConvGRUCell`, not
  to all that the package offers. Modules that report, store or declare, and compute no value, are left out.

Imports for type checkers are left out. Other packages are not followed; a record has their versions.
"""

from reidbench.source.digest import SourceDigest, compute_source_digest
from reidbench.source.modules import OwnCode, own_code_of_distribution, own_code_of_file

__all__ = [
    "OwnCode",
    "SourceDigest",
    "compute_source_digest",
    "own_code_of_distribution",
    "own_code_of_file",
]
