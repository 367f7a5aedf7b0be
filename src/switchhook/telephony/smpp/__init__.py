"""Texts through any carrier that speaks SMPP 3.4: `pdu` is the wire, `letters` what a text is on it, `session` one
connection, `carrier` what the workspace is given.
"""
