"""The catalogue: what an event is, typed and versioned, with its examples and its schemas.

Pure: no I/O, no clock, nothing of the server. Receivers import it too.
"""
