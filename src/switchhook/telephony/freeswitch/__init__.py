"""FreeSWITCH as a source of calls: it is watched, never told what to do.

FreeSWITCH ──ESL──▶ esl (frames, log-in) ──▶ events ──▶ calls (pure: whose call, which leg) ──▶ facts ──▶ switchboard
                                       connector: reconnects, asks what is up, reports, fetches recordings, sweeps
"""
