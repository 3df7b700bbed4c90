"""A yes-or-no classifier over named features: logistic regression, the same weights on every run.

Every decision of the trained baselines but the tagging is a candidate judged by one of these. Candidates are
made so that what holds for every label is a feature of its own (*the rules say the same*), beside what holds
for one (*the rules say the same, of controls*): with few examples the first kind carries the weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Features = Mapping[str, float]


class Judge(NamedTuple):
    """Weights by feature; an unknown feature weighs nothing."""

    weights: Mapping[str, float]
    bias: float

    def probability(self, row: Features) -> float:
        """How likely the candidate is right, 0 to 1."""
        # rounded once and by no linear algebra library, so that neither order nor machine changes the last bit
        score = math.fsum((self.bias, *(self.weights.get(name, 0.0) * value for name, value in row.items())))
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, score))))


def fit_judge(rows: Sequence[Features], right: Sequence[bool], *, strength: float) -> Judge:
    """Learn from candidates which are right.

    Args:
        rows: The features of each candidate.
        right: For each whether it is right.
        strength: Inverse of the L2 penalty (C of scikit-learn).
    """
    if len(set(right)) < 2:
        return Judge({}, 20.0 if right and right[0] else -20.0)
    from sklearn.linear_model import LogisticRegression

    # coordinate descent, with no threads and no BLAS
    model = LogisticRegression(C=strength, solver="liblinear", random_state=0, max_iter=1000, tol=1e-5)
    names = sorted({name for row in rows for name in row})
    model.fit(_matrix(rows, names), [int(r) for r in right])
    kept = {name: float(w) for name, w in zip(names, model.coef_[0], strict=True) if w}
    return Judge(kept, float(model.intercept_[0]))


def _matrix(rows: Iterable[Features], names: Sequence[str]) -> Any:
    """The rows as a sparse matrix, with the 32-bit indices that scikit-learn asks for."""
    import numpy as np
    from scipy.sparse import csr_matrix

    column = {name: i for i, name in enumerate(names)}
    data: list[float] = []
    indices: list[int] = []
    ends = [0]
    for row in rows:
        named = sorted(row)
        data += [row[name] for name in named]
        indices += [column[name] for name in named]
        ends.append(len(data))
    arrays = (np.array(data, dtype=np.float64), np.array(indices, dtype=np.int32), np.array(ends, dtype=np.int32))
    return csr_matrix(arrays, shape=(len(ends) - 1, len(names)))


def row(**flags: float | bool) -> dict[str, float]:
    """Features from flags and numbers; what is false or zero is left out."""
    return {name: float(value) for name, value in flags.items() if value}
