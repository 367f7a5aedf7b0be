"""HTTP: parse, ask the workspace or the delivery engine, render.

Thin: no rule lives here but those of the protocol (authentication, envelopes, limits).
"""
