"""Signing and verifying webhooks after the Standard Webhooks specification.

Pure: needs only `switchhook.events`. What a receiver holds lives here, what a sender does lives in `delivery`.
"""
