"""k-reciprocal encodings: the neighbours of each item, as sparse rows whose size depends on k and not on N.

Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017, in the form of the authors'
Python code for distance matrices. Its N x N arrays are replaced by lists of neighbours and by rows of weights in
compressed form. Weights are whole multiples of 2**-40, so that sums do not depend on their order: devices, blocks and
copies of an item agree to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reidbench.evaluation.exact.float_order import ranges
from reidbench.evaluation.exact.rows import Block
from reidbench.evaluation.item_distances import ItemDistances, blocks

# The weight 1: steps of 1e-12, and the sum of 2**23 weights fits in 64 bits.
ONE = 2.0**40

# Integers per block.
_BLOCK_ELEMENTS = 1 << 21
# Candidates beyond the nearest ones for which exact distances are computed.
_SPARE = 4


@dataclass(frozen=True)
class SparseRows:
    """Weights of items for items: row i has the entries `start[i]` to `start[i + 1]`, columns ascending.

    Attributes:
        start: int64 (N + 1,).
        column: int64 (M,).
        weight: int64 (M,), in units of 1 / `ONE`.
    """

    start: Tensor
    column: Tensor
    weight: Tensor

    def entries(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the entries of some rows (n,), one after the other, and the number that each row has."""
        lengths = self.start[rows + 1] - self.start[rows]
        return ranges(self.start[rows], lengths), lengths


def nearest(distances: ItemDistances, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` nearest items (N, count) of each item, nearest first, and the largest distance (N,).

    Items at equal distances are in the order of their indices; each item can be a neighbour of itself.
    """
    parts = [_nearest_of(distances, rows, count) for rows in blocks(distances.items, distances.height)]
    neighbours, largest = zip(*parts, strict=True)
    return torch.cat(neighbours), torch.cat(largest)


def encode(distances: ItemDistances, neighbours: Tensor, largest: Tensor, *, k1: int, k2: int) -> SparseRows:
    """Return the encoding of each item: eq. 3 to 5 (sets), 7 (weights) and 11 (local query expansion).

    Args:
        distances: of the items.
        neighbours: int64 (N, at least max(k1 + 1, k2), or N), nearest first.
        largest: float64 (N,), distance of each item to the farthest.
        k1: neighbours beside the item itself that may be reciprocal; half as many, a half rounded to the even
            number as NumPy does, in the sets that are joined. (The authors' MATLAB code rounds it up, and so
            differs where k1 leaves 3 on division by 4.)
        k2: neighbours, the item itself among them, that are averaged; 1 averages nothing.
    """
    full, half = neighbours[:, : k1 + 1].contiguous(), neighbours[:, : round(k1 / 2) + 1].contiguous()
    sets = _expand(full, _is_reciprocal(full), half, _is_reciprocal(half))
    rows = _weigh(distances, sets, largest)
    return rows if k2 == 1 else _average(rows, neighbours[:, :k2])


def _nearest_of(distances: ItemDistances, rows: slice, count: int) -> tuple[Tensor, Tensor]:
    """Sort the items with the smallest bounds by exact distances, and all items where one may be missing."""
    block, offsets = distances.bounds(rows)
    row = torch.arange(rows.start, rows.stop, device=block.values.device)
    farthest = distances.exact(row, block.values.max(dim=1).indices)
    best = block.values.topk(min(count + _SPARE, distances.items), largest=False)
    index, order = best.indices.sort(dim=1)
    exact = distances.exact(row.repeat_interleave(index.shape[1]), index.flatten()).view_as(best.values)
    exact, order = exact.sort(dim=1, stable=True)
    index, bound = index.gather(1, order)[:, :count], exact[:, count - 1]
    # Keys above it are farther than `count` items.
    limit = bound - offsets + block.query_slack
    if index.shape[1] < distances.items:
        is_open = (best.values[:, -1] <= limit).nonzero().flatten()
        for some in blocks(len(is_open), _BLOCK_ELEMENTS // distances.items):
            part = is_open[some]
            table = _candidates(distances, block, offsets, limit, part, row[part])
            index[part] = _smallest(table, count)
    return index, farthest


def _candidates(
    distances: ItemDistances, block: Block, offsets: Tensor, limit: Tensor, part: Tensor, row: Tensor
) -> Tensor:
    """Return the distances float64 (t, N) of some rows of a block up to their limits, and inf beyond.

    Args:
        distances: of the items.
        block: bounds of the block.
        offsets: float64 (r,) of the block.
        limit: float64 (r,), largest value that counts in each row of the block.
        part: int64 (t,), the rows of the block.
        row: int64 (t,), the same rows among all items.
    """
    values = block.values[part]
    slot, column = (values <= limit[part, None]).nonzero(as_tuple=True)
    exact = values[slot, column].double() + offsets[part[slot]]
    is_unsure = block.query_slack[part[slot]] + block.item_slack[column] > 0
    exact[is_unsure] = distances.exact(row[slot[is_unsure]], column[is_unsure])
    table = torch.full(values.shape, torch.inf, dtype=torch.float64, device=values.device)
    table[slot, column] = exact
    return table


def _smallest(table: Tensor, count: int) -> Tensor:
    """Return the columns of the `count` smallest values of each row, equals in their order."""
    bound = table.topk(count, largest=False).values[:, -1:]
    is_smaller, is_level = table < bound, table == bound
    room = count - is_smaller.sum(dim=1, keepdim=True)
    is_chosen = is_smaller | (is_level & (is_level.cumsum(dim=1) <= room))
    index = is_chosen.nonzero()[:, 1].view(-1, count)
    return index.gather(1, table.gather(1, index).sort(dim=1, stable=True).indices)


def _is_reciprocal(neighbours: Tensor) -> Tensor:
    """Return bool (N, K): the item is among the K neighbours of its neighbour (eq. 3)."""
    items, count = neighbours.shape
    result = torch.empty_like(neighbours, dtype=torch.bool)
    this = torch.arange(items, device=neighbours.device)[:, None, None]
    for part in blocks(items, _BLOCK_ELEMENTS // count**2):
        result[part] = (neighbours[neighbours[part]] == this[part]).any(dim=2)
    return result


def _expand(full: Tensor, is_mine: Tensor, half: Tensor, is_theirs: Tensor) -> Tensor:
    """Join to each reciprocal set the half-size sets of its members of which more than 2/3 are in it (eq. 5).

    Args:
        full: int64 (N, K) neighbours.
        is_mine: bool (N, K), those that are reciprocal.
        half: int64 (N, H) neighbours.
        is_theirs: bool (N, H), those that are reciprocal among H.

    Returns:
        int64 (M,): N times the item plus the member of its set, ascending.
    """
    items, count = full.shape
    width = half.shape[1]
    keys = []
    for part in blocks(items, _BLOCK_ELEMENTS // (count * width)):
        member = full[part]
        # Padded with N.
        mine = member.masked_fill(~is_mine[part], items).sort(dim=1).values
        theirs = half[member]  # (n, K, H)
        is_valid = is_theirs[member] & is_mine[part, :, None]
        member_ids = theirs.view(len(member), -1)
        slot = torch.searchsorted(mine, member_ids).clamp_(max=count - 1)
        is_shared = (mine.gather(1, slot) == member_ids).view_as(theirs) & is_valid
        is_joined = 3 * is_shared.sum(dim=2) > 2 * is_valid.sum(dim=2)
        base = torch.arange(part.start, part.stop, device=full.device)[:, None] * items
        union = (theirs + base[:, :, None])[is_valid & is_joined[:, :, None]]
        keys.append(torch.unique(torch.cat([(mine + base)[mine < items], union])))
    return torch.cat(keys)


def _weigh(distances: ItemDistances, sets: Tensor, largest: Tensor) -> SparseRows:
    """Weigh the members of each set by exp(-distance) (eq. 7), to a sum of 1 as in the authors' code.

    An empty set, which an item with k1 copies of lower index has, gives an empty row.
    """
    row, column = sets // distances.items, sets % distances.items
    weight = torch.exp(-distances.ratios(row, column, largest))
    total = torch.zeros(distances.items, dtype=torch.int64, device=sets.device)
    total.index_add_(0, row, (weight * ONE).round_().long())
    weight = (weight / (total[row].double() / ONE) * ONE).round_().long()
    return SparseRows(_starts(row, distances.items), column, weight)


def _average(rows: SparseRows, neighbours: Tensor) -> SparseRows:
    """Replace each row by the mean of the rows of its neighbours (N, k2) (eq. 11)."""
    items, count = neighbours.shape
    per_item = count * len(rows.column) // items + 1
    keys, weights = [], []
    for part in blocks(items, _BLOCK_ELEMENTS // per_item):
        entry, lengths = rows.entries(neighbours[part].flatten())
        item = torch.arange(part.start, part.stop, device=entry.device).repeat_interleave(
            lengths.view(-1, count).sum(dim=1)
        )
        key, order = (item * items + rows.column[entry]).sort()
        key, slot = torch.unique_consecutive(key, return_inverse=True)
        total = torch.zeros_like(key).index_add_(0, slot, rows.weight[entry[order]])
        keys.append(key)
        weights.append((total + count // 2) // count)
    key = torch.cat(keys)
    return SparseRows(_starts(key // items, items), key % items, torch.cat(weights))


def _starts(row: Tensor, items: int) -> Tensor:
    """Return where each row starts (N + 1,) in ascending row numbers (M,)."""
    return torch.searchsorted(row, torch.arange(items + 1, device=row.device))
