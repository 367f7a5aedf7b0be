"""Twilio: what tells its requests from anybody else's.

No rule of calls or texts lives here, nor what an event is made of.
"""
