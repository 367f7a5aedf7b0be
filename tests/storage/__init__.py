"""The stores: one contract for both, and what only the shared one promises."""
