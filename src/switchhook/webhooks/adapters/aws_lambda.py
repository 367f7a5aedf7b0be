"""A receiver in AWS Lambda, behind API Gateway (payload formats 1.0 and 2.0), a function URL or a load balancer:

    handler = function(receiver)

Lambda freezes a process once it has answered: work before the answer, with a store that all instances share.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from switchhook.webhooks.receiver import Receiver
from switchhook.webhooks.receiving import Answer

Json = dict[str, Any]


def function(receiver: Receiver) -> Callable[[Json, Any], Json]:
    """The function's handler.

    Raises:
        ValueError: the receiver works in the background, which does not happen here.
    """
    if receiver.background is not None:
        raise ValueError("nothing works in the background of a Lambda function: Receiver(background=False)")

    def handle(event: Json, context: Any) -> Json:
        answer = _answer(receiver, event)
        return {
            "statusCode": answer.status,
            "headers": answer.headers,
            "body": answer.reason,
            "isBase64Encoded": False,
        }

    return handle


def _answer(receiver: Receiver, event: Json) -> Answer:
    body = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            return Answer(400, "the body is not the base64 that it is said to be")
    # A load balancer may be set up to give every header as a list, and only so.
    many = {name: values[-1] for name, values in (event.get("multiValueHeaders") or {}).items() if values}
    return receiver.receive(body, many | (event.get("headers") or {}))
