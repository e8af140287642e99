"""Times the pair scorer of duatm against its arithmetic floor and against plain batched code of the same formula.

    python benchmarks/duatm_pairs.py                                    # a part of MARS, for two CPU cores
    python benchmarks/duatm_pairs.py --device cuda --queries 1980 --gallery 11310

A pair of sequences of S vectors of D numbers costs 4 S^2 D multiplications and additions (scores and aligned vectors,
both directions). The floor is the time of matrix products of that many, measured beside it: S x D by D x S and S x S by
S x D, batched over as many pairs as a block has. The plain code computes every pair of a block on its own from
sequences and filters, intra-sequence attention included, as the formula reads.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from reidbench_plugins.duatm.matching import SequenceMatching
from torch import Tensor


def plain(module: SequenceMatching, first: Tensor, second: Tensor, block: int) -> Tensor:
    """Return DM-5 of all pairs, pairs of a block side by side in one batch."""
    rows = []
    for start in range(0, len(first), block):
        row = []
        for column in range(0, len(second), block):
            a, b = first[start : start + block], second[column : column + block]
            shape = (len(a), len(b))
            x = a[:, None].expand(-1, shape[1], -1, -1).flatten(0, 1)
            y = b[None].expand(shape[0], -1, -1, -1).flatten(0, 1)
            total = 0
            for one, other in ((x, y), (y, x)):
                filters = module.filters(one)
                refined = (filters @ one.mT).softmax(-1) @ one
                aligned = (filters @ other.mT).softmax(-1) @ other
                total = total + (refined - aligned).norm(dim=2).mean(1) / 2
            row.append(total.view(shape))
        rows.append(torch.cat(row, 1))
    return torch.cat(rows)


def floor(first: Tensor, pairs: int, device: str) -> float:
    """Return seconds that nothing but the matrix products of so many pairs take."""
    length, dimension = first.shape[1:]
    batch = 64 if device == "cpu" else 4096
    a, b = torch.randn(2, batch, length, dimension, device=device)
    scores = torch.empty(batch, length, length, device=device)
    aligned = torch.empty_like(a)

    def products() -> None:
        for _ in range(2):
            torch.bmm(a, b.mT, out=scores)
            torch.bmm(scores, b, out=aligned)

    return seconds(products, device, repeats=5) * pairs / batch


def seconds(work: Callable[[], object], device: str, *, repeats: int) -> float:
    """Return the median time of some work, after one run that does not count."""
    times = []
    for _ in range(repeats + 1):
        if device != "cpu":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def main() -> None:
    """Print one line a contestant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--gallery", type=int, default=100)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--block", type=int, default=16, help="of the plain code")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.manual_seed(0)
    module = SequenceMatching(given.dimension).eval().to(given.device)
    shape = (given.length, given.dimension)
    first, second = (
        torch.nn.functional.normalize(torch.randn(count, *shape, device=given.device), dim=2)
        for count in (given.queries, given.gallery)
    )
    pairs = given.queries * given.gallery
    with torch.inference_mode():
        ours = seconds(
            lambda: module.distances(module.prepared(first), module.prepared(second)),
            given.device,
            repeats=given.repeats,
        )
        theirs = seconds(
            lambda: plain(module, first, second, given.block), given.device, repeats=given.repeats
        )
        least = floor(first, pairs, given.device)
        found = module.distances(module.prepared(first), module.prepared(second))
        difference = float((found - plain(module, first, second, given.block)).abs().max())
    print(f"{given.queries} x {given.gallery} pairs of {given.length} x {given.dimension} on {given.device}")
    print(
        f"scorer {ours:.3f} s, {pairs / ours:.0f} pairs/s; {ours / least:.2f} times the products alone ({least:.3f} s)"
    )
    print(
        f"plain batched code {theirs:.3f} s, {theirs / ours:.2f} times the scorer; largest difference {difference:.1e}"
    )


if __name__ == "__main__":
    main()
