"""Tests of delivery. A package, so that they can share the receivers."""
