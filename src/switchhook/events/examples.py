"""One example of each event's data, as the catalogue prints them.

They are facts, also where they look odd (whoever published them had the e-mail addresses masked): sent by "test
this endpoint", shown in the schemas, and the first thing every decoder is tried on.
"""

import msgspec

CALL_RECEIVED = rb"""
{
  "from_number": "+33612345678",
  "to_number": "+33112345678",
  "started_at": "2025-03-15T14:30:00.000Z",
  "user_email": "[email protected]",
  "person": {
    "id": "con_5MiGNHp2vI1AN6sTu4Cw",
    "name": "Marie",
    "last_name": "Dupont",
    "email": "[email protected]",
    "emails": [
      "[email protected]"
    ],
    "numbers": [
      "+33612345678"
    ],
    "job_title": "Head of Sales",
    "linkedin_url": "https://linkedin.com/in/mariedupont",
    "lead_source": "Inbound"
  },
  "company": {
    "id": "com-a1b2c3d4e5f6",
    "name": "Acme Corp"
  },
  "deals": [
    {
      "id": "dea-x1y2z3w4v5u6",
      "name": "Enterprise Plan",
      "status": "qualified",
      "value": 25000.00,
      "currency": "EUR",
      "close_date": "2025-06-15T00:00:00"
    }
  ]
}
"""

CALL_TRIGGERED = rb"""
{
  "from_number": "+33112345678",
  "to_number": "+33612345678",
  "started_at": "2025-03-15T14:35:00.000Z",
  "user_email": "[email protected]",
  "person": {
    "id": "con_5MiGNHp2vI1AN6sTu4Cw",
    "name": "Marie",
    "last_name": "Dupont",
    "email": "[email protected]",
    "emails": [
      "[email protected]"
    ],
    "numbers": [
      "+33612345678"
    ],
    "job_title": "Head of Sales"
  },
  "company": {
    "id": "com-a1b2c3d4e5f6",
    "name": "Acme Corp"
  },
  "deals": null
}
"""

CALL_COMPLETED = rb"""
{
  "id": "cll_2NfDKEm9sF8xK3pQr1Zt",
  "start_date": "2025-03-15T14:30:00.000Z",
  "recording_url": "https://storage.withallo.com/recordings/abc123.mp3",
  "from_number": "+33612345678",
  "from_name": "Marie Dupont",
  "to": "+33112345678",
  "to_name": "Support Acme",
  "length_in_minutes": 5.5,
  "length": "5m 30s",
  "tag": "support",
  "tags": [
    "support",
    "urgent"
  ],
  "summary": "The customer called about a billing issue with their last invoice. The agent confirmed the charge was correct and explained the new pricing plan.",
  "transcriptions": [
    {
      "source": "EXTERNAL",
      "time": "2025-03-15T14:30:05.000Z",
      "text": "Hi, I have a question about my last invoice."
    },
    {
      "source": "USER",
      "time": "2025-03-15T14:30:12.000Z",
      "text": "Of course, let me pull up your account."
    }
  ],
  "concatenated_transcript": "Hi, I have a question about my last invoice.\nOf course, let me pull up your account.",
  "data_collected": {
    "account_number": "12345"
  },
  "type": "INBOUND",
  "result": "ANSWERED",
  "integration_id": null,
  "transfer_from": {
    "number": null,
    "user_email": null,
    "user_name": null
  },
  "transfer_to": {
    "number": null,
    "user_email": null,
    "user_name": null
  },
  "user_email": "[email protected]",
  "original_to_number": null,
  "original_to_name": null,
  "transfer_original_call_id": null,
  "ivr_result": [
    {
      "dtmf_key": "2",
      "text_key": "Support"
    }
  ]
}
"""  # noqa: E501 - a text of the catalogue has the length it has

TAG_ADDED = rb"""
{
  "call_id": "cll_2NfDKEm9sF8xK3pQr1Zt",
  "tag_key": "urgent",
  "tag_name": "Urgent",
  "user_email": "[email protected]"
}
"""

TAG_REMOVED = rb"""
{
  "call_id": "cll_2NfDKEm9sF8xK3pQr1Zt",
  "tag_key": "urgent",
  "tag_name": "Urgent",
  "user_email": "[email protected]"
}
"""

SMS_RECEIVED = rb"""
{
  "id": "msg_3KgELFn0tG9yL4qRs2Au",
  "direction": "INBOUND",
  "type": "SMS",
  "content": "Hi, I'd like to schedule an appointment.",
  "sent_at": "2025-03-15T16:00:00.000Z",
  "from_number": "+33612345678",
  "to_number": "+33112345678",
  "from_name": "Marie Dupont",
  "to_name": "Support Acme",
  "user_email": "[email protected]"
}
"""

SMS_SENT = rb"""
{
  "id": "msg_4LhFMGo1uH0zM5rSt3Bv",
  "direction": "OUTBOUND",
  "type": "SMS",
  "content": "Your appointment is confirmed for tomorrow at 2pm.",
  "sent_at": "2025-03-15T16:10:00.000Z",
  "from_number": "+33112345678",
  "to_number": "+33612345678",
  "from_name": "Support Acme",
  "to_name": "Marie Dupont",
  "user_email": "[email protected]"
}
"""

CONTACT_CREATED = rb"""
{
  "id": "con_5MiGNHp2vI1AN6sTu4Cw",
  "name": "Marie",
  "last_name": "Dupont",
  "company": "Acme Corp",
  "emails": [
    "[email protected]"
  ],
  "numbers": [
    "+33612345678"
  ]
}
"""

CONTACT_UPDATED = rb"""
{
  "id": "con_5MiGNHp2vI1AN6sTu4Cw",
  "name": "Marie",
  "last_name": "Dupont",
  "company": "Acme Corp",
  "emails": [
    "[email protected]",
    "[email protected]"
  ],
  "numbers": [
    "+33612345678",
    "+33698765432"
  ]
}
"""

EXAMPLES: dict[str, bytes] = {
    topic: msgspec.json.format(text, indent=-1)
    for topic, text in {
        "call.received": CALL_RECEIVED,
        "call.triggered": CALL_TRIGGERED,
        "call.completed": CALL_COMPLETED,
        "tag.added": TAG_ADDED,
        "tag.removed": TAG_REMOVED,
        "sms.received": SMS_RECEIVED,
        "sms.sent": SMS_SENT,
        "contact.created": CONTACT_CREATED,
        "contact.updated": CONTACT_UPDATED,
    }.items()
}
"""Each topic's example data as compact JSON, numbers as they were written (`25000.00`)."""
