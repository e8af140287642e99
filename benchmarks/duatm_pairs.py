"""Compare the speed of duatm's pair scorer with its matrix products alone and with plain batched code.

    python benchmarks/duatm_pairs.py
    python benchmarks/duatm_pairs.py --device cuda --queries 1980 --gallery 11310

The default is a part of MARS, for two CPU cores. A pair of sequences of S vectors of length D takes 4 S^2 D
multiplications and additions (scores and aligned vectors, in both directions). The lower bound is the time of the
matrix products with this number of operations: S x D by D x S and S x S by S x D, batched over the pairs of a block.
The plain code computes the formula for every pair of a block, including intra-sequence attention.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from reidbench_plugins.duatm.matching import SequenceMatching
from torch import Tensor


def plain_distances(module: SequenceMatching, first: Tensor, second: Tensor, block: int) -> Tensor:
    """Return DM-5 of all pairs, with the pairs of a block in one batch."""
    rows = []
    for start in range(0, len(first), block):
        row = []
        for column in range(0, len(second), block):
            a, b = first[start : start + block], second[column : column + block]
            shape = (len(a), len(b))
            x = a[:, None].expand(-1, shape[1], -1, -1).flatten(0, 1)
            y = b[None].expand(shape[0], -1, -1, -1).flatten(0, 1)
            total = torch.zeros((), device=first.device)
            for one, other in ((x, y), (y, x)):
                filters = module.filters(one)
                refined = (filters @ one.mT).softmax(-1) @ one
                aligned = (filters @ other.mT).softmax(-1) @ other
                total = total + (refined - aligned).norm(dim=2).mean(1) / 2
            row.append(total.view(shape))
        rows.append(torch.cat(row, 1))
    return torch.cat(rows)


def measure_products(first: Tensor, pairs: int, device: str) -> float:
    """Return the seconds of the matrix products of a number of pairs."""
    length, dimension = first.shape[1:]
    batch = 64 if device == "cpu" else 4096
    a, b = torch.randn(2, batch, length, dimension, device=device)
    scores = torch.empty(batch, length, length, device=device)
    aligned = torch.empty_like(a)

    def products() -> None:
        for _ in range(2):
            torch.bmm(a, b.mT, out=scores)
            torch.bmm(scores, b, out=aligned)

    return measure(products, device, repeats=5) * pairs / batch


def measure(work: Callable[[], object], device: str, *, repeats: int) -> float:
    """Return the median seconds of a function, after a warm-up run."""
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
    """Measure and print one line per implementation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=40, help="number of queries")
    parser.add_argument("--gallery", type=int, default=100, help="number of gallery items")
    parser.add_argument("--length", type=int, default=64, help="vectors per sequence, S")
    parser.add_argument("--dimension", type=int, default=256, help="length of a vector, D")
    parser.add_argument(
        "--block", type=int, default=16, help="queries and gallery items per block of the plain code"
    )
    parser.add_argument("--repeats", type=int, default=5, help="number of measurements")
    parser.add_argument("--device", default="cpu", help="torch device")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    module = SequenceMatching(arguments.dimension).eval().to(arguments.device)
    shape = (arguments.length, arguments.dimension)
    first, second = (
        torch.nn.functional.normalize(torch.randn(count, *shape, device=arguments.device), dim=2)
        for count in (arguments.queries, arguments.gallery)
    )
    pairs = arguments.queries * arguments.gallery
    with torch.inference_mode():
        scorer = measure(
            lambda: module.distances(module.compute_terms(first), module.compute_terms(second)),
            arguments.device,
            repeats=arguments.repeats,
        )
        plain = measure(
            lambda: plain_distances(module, first, second, arguments.block),
            arguments.device,
            repeats=arguments.repeats,
        )
        products = measure_products(first, pairs, arguments.device)
        distances = module.distances(module.compute_terms(first), module.compute_terms(second))
        difference = (distances - plain_distances(module, first, second, arguments.block)).abs().max()
    print(
        f"{arguments.queries} x {arguments.gallery} pairs of {arguments.length} x {arguments.dimension} "
        f"on {arguments.device}"
    )
    print(
        f"scorer {scorer:.3f} s, {pairs / scorer:.0f} pairs/s; {scorer / products:.2f} times the products alone "
        f"({products:.3f} s)"
    )
    print(
        f"plain batched code {plain:.3f} s, {plain / scorer:.2f} times the scorer; largest difference "
        f"{float(difference):.1e}"
    )


if __name__ == "__main__":
    main()
