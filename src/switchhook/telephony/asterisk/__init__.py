"""Asterisk as a source of calls: it is watched, never told what to do.

Asterisk ──AMI──▶ ami (lines, login) ──▶ happenings ──▶ calls (pure: whose call, which leg) ──▶ facts ──▶ switchboard
                                             connector: reconnects, asks what is up, reports, sweeps
"""
