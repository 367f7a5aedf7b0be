"""Calls that are placed and said aloud, and what is told of them."""
