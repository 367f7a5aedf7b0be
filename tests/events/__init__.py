"""Tests of the catalogue. A package, so that they can share the strategies."""
