"""Switchhook: the self-hosted event platform for business telephony."""

__version__ = "0.1.0"
