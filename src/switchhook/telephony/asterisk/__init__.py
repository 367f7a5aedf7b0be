"""Asterisk as a source of calls: it is watched, and told nothing but to record, where that is wanted (`recorder`).

Asterisk ──AMI──▶ ami (lines) ──────────┐
         ──ARI──▶ ari (WebSocket, REST) ─┴─▶ happenings ──▶ calls (pure: whose call, which leg) ──▶ facts
                                             connector: reconnects, asks what is up, reports, sweeps
"""
