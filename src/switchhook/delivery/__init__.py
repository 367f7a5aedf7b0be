"""From an accepted event to a recorded outcome: schedule, address policy, HTTP client, dispatcher.

Nothing here knows a phone; nothing below it knows a network.
"""
