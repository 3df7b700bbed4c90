"""Weights that depend on the seed, the document and the replicate, and on nothing else."""

from __future__ import annotations

from math import exp, factorial

import numpy as np
import pytest

from newsgold.metrics import resampling
from newsgold.metrics.resampling import bootstrap_sums, clusters, poisson, streams, swapped_sums, swaps, words

NAMES = [f"document:d{i}" for i in range(3000)]


def test_the_words_are_those_of_splitmix64():
    """The published sequence from 1234567 (Vigna's C code)."""
    got = words(np.array([1234567], dtype=np.uint64), 0, 3)[0].tolist()
    assert got == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_words_can_be_had_from_any_place():
    starts = streams(NAMES[:5], 1, "bootstrap")
    assert (words(starts, 0, 20)[:, 7:12] == words(starts, 7, 5)).all()
    assert (poisson(starts, 0, 64)[:, 16:40] == poisson(starts, 16, 24)).all()
    assert (swaps(starts, 0, 256)[:, 64:192] == swaps(starts, 64, 128)).all()


def test_the_table_of_weights_has_mean_and_variance_one_and_is_close_to_poisson():
    at_least = np.array([256, *resampling._AT_LEAST, 0])
    share = -np.diff(at_least) / 256
    weight = np.arange(len(share))
    assert (share * weight).sum() == 1
    assert (share * weight**2).sum() - 1 == 1
    assert abs((share * (weight - 1) ** 3).sum() - 1) < 0.02
    assert max(abs(s - exp(-1) / factorial(k)) for k, s in enumerate(share)) < 0.005


def test_drawn_weights_have_mean_and_variance_one_and_are_independent():
    weight = poisson(streams(NAMES, 3, "bootstrap"), 0, 2048).astype(np.float64)
    assert weight.mean() == pytest.approx(1, abs=1e-3)
    assert weight.var() == pytest.approx(1, abs=1.5e-3)
    assert abs(np.corrcoef(weight[:, :64].T) - np.eye(64)).max() < 5 / np.sqrt(len(NAMES))
    assert abs(np.corrcoef(weight[:64]) - np.eye(64)).max() < 5 / np.sqrt(2048)


def test_swaps_are_fair_and_independent():
    bit = swaps(streams(NAMES, 3, "swap"), 0, 2048).astype(np.float64)
    assert set(np.unique(bit)) == {0, 1}
    assert bit.mean() == pytest.approx(0.5, abs=1e-3)
    assert abs(np.corrcoef(bit[:, :64].T) - np.eye(64)).max() < 5 / np.sqrt(len(NAMES))


def test_a_weight_depends_on_its_document_only():
    alone = poisson(streams(NAMES[7:8], 1, "bootstrap"), 0, 512)
    assert (poisson(streams(NAMES, 1, "bootstrap"), 0, 512)[7] == alone[0]).all()
    for other in (streams(NAMES[7:8], 2, "bootstrap"), streams(NAMES[7:8], 1, "swap"), streams(NAMES[8:9], 1, "bootstrap")):
        assert (poisson(other, 0, 512) != alone).any()


@pytest.mark.parametrize("sums", [bootstrap_sums, swapped_sums])
def test_shards_add_up_bit_for_bit(sums):
    columns = np.random.default_rng(0).integers(0, 9, (3000, 3)).astype(np.float64)
    whole = sums(columns, NAMES, 700, 1)
    assert whole.shape == (700, 3)
    halves = np.split(np.random.default_rng(1).permutation(3000), 2)
    parts = [sums(columns[half], [NAMES[i] for i in half], 700, 1) for half in halves]
    assert (whole == parts[0] + parts[1]).all()
    assert (sums(columns, NAMES, 300, 1) == whole[:300]).all()


def test_few_clusters_have_multinomial_weights():
    sums = bootstrap_sums(np.concatenate([np.eye(12), np.ones((12, 1))], axis=1), NAMES[:12], 20_000, 1)
    assert (sums[:, -1] == 12).all()
    weight = sums[:, :-1]
    assert weight.mean() == pytest.approx(1)
    assert weight.var() == pytest.approx(11 / 12, abs=0.01)
    assert np.cov(weight[:, 0], weight[:, 1])[0, 1] == pytest.approx(-1 / 12, abs=0.02)


def test_the_two_ways_to_weigh_agree_where_they_meet(monkeypatch: pytest.MonkeyPatch):
    columns = np.random.default_rng(0).poisson(5.0, (150, 2)).astype(np.float64)
    ratios = []
    for small in (0, 200):
        monkeypatch.setattr(resampling, "SMALL", small)
        sums = bootstrap_sums(columns, NAMES[:150], 20_000, 1)
        ratios.append((sums[:, 0] / sums[:, 1]).std())
    assert ratios[0] == pytest.approx(ratios[1], rel=0.02)


def test_all_swaps_of_few_clusters():
    sums = swapped_sums(np.array([[1.0], [2.0], [4.0]]), NAMES[:3], 10, 1)
    assert sums[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_equal_columns_have_equal_sums():
    column = np.random.default_rng(0).random((500, 1))
    sums = bootstrap_sums(np.concatenate([column, np.ones((500, 1)), column], axis=1), NAMES[:500], 100, 1)
    assert (sums[:, 0] == sums[:, 2]).all()


def test_no_columns_and_no_clusters():
    assert bootstrap_sums(np.zeros((5, 0)), NAMES[:5], 10, 1).shape == (10, 0)
    assert bootstrap_sums(np.zeros((0, 2)), [], 10, 1).tolist() == [[0, 0]] * 10


def test_clusters_are_events_and_documents_without_one():
    found = clusters(["a", "b", "c", "x"], {"a": "x", "b": None, "c": "x"})
    assert found.names == ("document:b", "document:x", "event:x")
    assert found.of.tolist() == [2, 0, 2, 1]
    assert found.unit == "event"
    assert clusters(["a", "b"], {}).unit == "document"
