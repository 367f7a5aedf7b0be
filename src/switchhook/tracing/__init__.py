"""Traces: whose trace an event belongs to, what a span says, and OpenTelemetry's form of it.

What lives here is pure but for the queue of a `Tracer`, and knows ids only: no number, name, text or URL comes in.
Who sends spans away is `serving/traces.py`.
"""
