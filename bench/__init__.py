"""Reproducible measurements; none of them runs with the tests."""
