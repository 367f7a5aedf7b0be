"""The signalling front of the SIP line: it has the public sockets, and the stack behind it hears what it lets through.

Parsing, digest, registrations, limits and proxying are pure; `front` joins them to sockets and to the stack.
"""
