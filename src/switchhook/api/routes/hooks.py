"""Where carriers post to. Not in the document of the API: they are for nobody else."""

from switchhook.api.route import Route

_SIGNED = (
    "Takes a form with a good `X-Twilio-Signature` and no API key; answered once what it says is durable."
)
_FORM = "application/x-www-form-urlencoded"

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
)
