"""Tests of signing and verifying. A package, so that they can share the Node verifier."""
