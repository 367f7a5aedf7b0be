"""Sound: recordings as MP3, tones, and the links under which they are served.

No SIP here and no database.
"""
