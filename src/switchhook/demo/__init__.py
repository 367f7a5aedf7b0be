"""What `make demo` shows: a server, a receiver, two telephones and a real call between them.

Nothing here is needed by `serve`. The receiver is small enough to be read as an example.
"""
