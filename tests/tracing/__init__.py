"""Traces: ids, decisions, shapes, and the bytes that go out, judged by OpenTelemetry's own package."""
