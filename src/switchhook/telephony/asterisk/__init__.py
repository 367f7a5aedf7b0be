"""Asterisk as a source of calls: it is watched, never told what to do.

Asterisk ──AMI──▶ ami (lines) ──────────┐
         ──ARI──▶ ari (WebSocket, REST) ─┴─▶ happenings ──▶ calls (pure: whose call, which leg) ──▶ facts
                                             connector: reconnects, asks what is up, reports, sweeps
"""
