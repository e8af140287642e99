"""The exact counting engine: ranks of matches that do not depend on gallery order, block size or device.

`rank_blocks` ranks the matches of all queries. `docs/exact-ranking.md` explains the method with an example.
"""

from reidbench.evaluation.exact.ranking import rank_blocks

__all__ = ["rank_blocks"]
