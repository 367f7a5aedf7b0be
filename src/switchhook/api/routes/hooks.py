"""Where carriers post to. Not in the document of the API: they are for nobody else."""

from switchhook.api.route import Route

_SIGNED = (
    "Takes a form with a good `X-Twilio-Signature` and no API key; answered once what it says is durable."
)
_FORM = "application/x-www-form-urlencoded"

# By the names of their routes: where Twilio posts to about calls, below /hooks/twilio/voice.
TWILIO_CALLS = {
    "take_twilio_call": ("", "A call comes in, or a telephone at Twilio calls out"),
    "take_twilio_call_status": ("/status", "What became of a call"),
    "take_twilio_leg": ("/leg", "What became of a telephone that was dialled"),
    "take_twilio_dialled": ("/dialled", "Telephones have rung; what is to be done now"),
    "take_twilio_keys": ("/keys", "Keys were pressed in a menu, or none in time"),
    "take_twilio_left": ("/left", "A message was left"),
    "take_twilio_recording": ("/recording", "A recording is ready"),
}

ROUTES: tuple[Route, ...] = (
    Route(
        "take_twilio_message",
        "POST",
        "/hooks/twilio/messages",
        "A text that Twilio received",
        _SIGNED,
        access="public",
        takes=_FORM,
        content_type="text/xml",
        tag="Carriers",
        hidden=True,
    ),
    Route(
        "take_twilio_status",
        "POST",
        "/hooks/twilio/status",
        "What became of a text that Twilio sent",
        _SIGNED,
        access="public",
        takes=_FORM,
        content_type="text/xml",
        tag="Carriers",
        hidden=True,
    ),
    *(
        Route(
            name,
            "POST",
            f"/hooks/twilio/voice{end}",
            summary,
            _SIGNED,
            access="public",
            takes=_FORM,
            content_type="text/xml",
            tag="Carriers",
            hidden=True,
        )
        for name, (end, summary) in TWILIO_CALLS.items()
    ),
)
