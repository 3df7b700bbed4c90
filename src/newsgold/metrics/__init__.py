"""Scoring: pure functions over arrays that return additive counts per document."""
