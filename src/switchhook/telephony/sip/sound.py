"""What the line offers for sound, in the words of the stack: codecs, and whether sound is encrypted on its way.

All sound is 8 kHz on our side of the stack, whatever a telephone sends: Opus can be decoded and encoded at that rate.
It is named in SDP as it always is (`opus/48000/2`), so that any Opus will do at the other end.

The stack's jitter buffer is off: the end of any call holds up its one thread for a few frames, and what all others sent
meanwhile came too late for it and was thrown away. What comes unevenly is evened out by what waits to be sent, see
`bridge.CUSHION`; a recording follows on by itself. Packets are put in order before they come to the stack, see
`edge.relay`. (Nor does each call get a thread of its own to receive, `rtp_rxmode thread`: now and then the stack then
does not tell that a call is up.)

Sound is encrypted by SRTP with keys in SDP (SDES, RFC 4568). With `offer` (`RTP/AVP` with keys beside it) the other end
may decline or not know of it, with `require` (`RTP/SAVP`) there is no call then.
"""

from collections.abc import Sequence

CODECS = {"opus": "opus/8000/1", "pcma": "pcma", "pcmu": "pcmu"}
"""By the names of our settings, those of the stack."""

SRTP = {"off": (), "offer": ("mediaenc=srtp",), "require": ("mediaenc=srtp-mand",)}
"""By the values of our setting, parameters of the stack's account."""

SETTINGS = "opus_samplerate 8000\nopus_stereo no\nopus_sprop_stereo no\naudio_jitter_buffer_type off\n"
"""Lines of the stack's configuration."""


def stack_codecs(codecs: Sequence[str]) -> tuple[str, ...]:
    """The stack's names of `codecs`, in the order in which they are offered."""
    return tuple(CODECS[name] for name in codecs)


def check_sound(codecs: Sequence[str], srtp: str) -> None:
    """Refuse what the stack does not have.

    Raises:
        ValueError: with what is wrong.
    """
    strange = [name for name in codecs if name not in CODECS]
    if strange or not codecs or len(set(codecs)) < len(codecs):
        raise ValueError(f"sip codecs {','.join(codecs)!r}: wanted some of {', '.join(CODECS)}, each once")
    if srtp not in SRTP:
        raise ValueError(f"sip srtp {srtp!r}: wanted one of {', '.join(SRTP)}")
