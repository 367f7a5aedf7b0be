"""The key itself, recordings, and what keeps a server running."""

from typing import Any

from switchhook.api.route import Param, Route
from switchhook.api.scopes import CONVERSATIONS_READ
from switchhook.api.shapes import operation as shapes

_LINK = (
    Param("expires", "When the link ends, in Unix seconds.", {"type": "string"}),
    Param("signature", "The link's signature.", {"type": "string"}),
)

ROUTES: tuple[Route, ...] = (
    Route(
        "get_me",
        "GET",
        "/v2/api/me",
        "What this key is and may do",
        answer=shapes.Me,
        tag="Account",
    ),
    Route(
        "get_recording",
        "GET",
        "/v1/assets/recordings/{recording_id}.mp3",
        "Get the recording of a call",
        "Opened by the signed link of `recording_url`, or by an API key of the same workspace. Takes Range.",
        access="link",
        scopes=(CONVERSATIONS_READ,),
        content_type="audio/mpeg",
        query=_LINK,
        codes=("FORBIDDEN", "RECORDING_LINK_EXPIRED", "RECORDING_NOT_FOUND", "INVALID_RANGE"),
        tag="Recordings",
    ),
    Route(
        "get_peaks",
        "GET",
        "/v1/assets/recordings/{recording_id}/peaks",
        "Get the waveform of a recording",
        "How loud each side is. Opened as the recording is: the query of its signed link opens this too.",
        access="link",
        scopes=(CONVERSATIONS_READ,),
        answer=shapes.Peaks,
        query=_LINK,
        codes=("FORBIDDEN", "RECORDING_LINK_EXPIRED", "RECORDING_NOT_FOUND", "PEAKS_NOT_FOUND"),
        tag="Recordings",
    ),
    Route(
        "get_health",
        "GET",
        "/healthz",
        "Whether the process answers",
        access="public",
        answer=shapes.Health,
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_readiness",
        "GET",
        "/readyz",
        "Whether events can be taken and delivered",
        "503 with the same body when not; `problems` names what is wrong.",
        access="public",
        answer=shapes.Readiness,
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_metrics",
        "GET",
        "/metrics",
        "Figures for Prometheus",
        access="public",
        content_type="text/plain",
        tag="Operation",
    ),
    Route(
        "get_openapi",
        "GET",
        "/openapi.json",
        "This document",
        access="public",
        answer=dict[str, Any],
        enveloped=False,
        tag="Operation",
    ),
    Route(
        "get_docs",
        "GET",
        "/docs",
        "This document, to be read by people",
        access="public",
        content_type="text/html",
        tag="Operation",
    ),
    Route(
        "get_root",
        "GET",
        "/",
        "Leads to the page or to /docs",
        access="public",
        status=307,
        tag="Operation",
        hidden=True,
    ),
    Route(
        "get_methods",
        "OPTIONS",
        "*",
        "The methods that routes have",
        access="public",
        status=204,
        tag="Operation",
        hidden=True,
    ),
)
