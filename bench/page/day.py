"""What is invented of the office: its people, what they say, and where its events go.

Nobody is meant: the numbers are of the ranges kept for films, the hosts end in `.example` and resolve nowhere.
"""

from typing import Any

USERS = (
    ("amina@atelier-morel.example", "Amina Berrada", "ADMIN"),
    ("louis@atelier-morel.example", "Louis Fontaine", "MEMBER"),
    ("zoe@atelier-morel.example", "Zoé Lemaître", "MANAGER"),
)
NUMBERS = (
    ("+33199001010", "Front desk", "amina@atelier-morel.example,louis@atelier-morel.example", "VOICE,SMS"),
    ("+33199001020", "Workshop", "louis@atelier-morel.example", "VOICE"),
    ("+33639981030", "Appointments by text", "zoe@atelier-morel.example", "VOICE,SMS,MMS"),
)
COMPANIES = (
    ("Galerie Lumière", "Art dealer", (("Frames for the autumn show", "negotiation", 18_400),)),
    (
        "Hôtel Belle-Rive",
        "Hotels",
        (("Refit of 24 rooms", "qualified", 62_000), ("Lobby mirror", "won", 3_150)),
    ),
    ("Boulangerie Pélissier et Fils, Compagnons Boulangers de Saint-Étienne", "Food", ()),
    ("Studio Kwon", "Architecture", (("Library shelving", "proposal", 27_900),)),
)
PEOPLE = (
    ("Élodie", "Marchand", "Curator", 0),
    ("Tomasz", "Wiśniewski", "Facility manager", 1),
    ("Nadia", "Haddad", None, None),
    ("Jean-Baptiste", "de la Rochefoucauld-Pélissier", "Baker", 2),
    ("Min-ji", "Kwon", "Architect", 3),
    ("Samuel", "Okafor", "Night manager", 1),
    ("Chloé", "Dubois", None, None),
    ("Henrik", "Sørensen", "Buyer", None),
    ("Inès", "Carvalho", "Assistant", 0),
    ("Paul", "Garnier", None, None),
)
TALKS = (
    (
        "Asked whether the oak frames can be ready before the opening on the 14th. They can, if the sizes are known "
        "by Friday; a drawing follows by e-mail.",
        (
            "Good morning, this is Élodie from the gallery. I am calling about the oak frames.",
            "Good morning! Yes, I have your order in front of me.",
            "The opening has moved to the fourteenth. Can you still make it?",
            "We can, if we have the final sizes by Friday.",
            "You will have them tomorrow. Could you send me a drawing as well?",
            "Of course, I will e-mail it this afternoon.",
            "Perfect, thank you very much.",
        ),
    ),
    (
        "Wants to move the appointment on Tuesday to the afternoon. New time: 15:30.",
        (
            "Hello, I have an appointment on Tuesday morning that I would like to move.",
            "No problem. Would half past three suit you?",
            "That is perfect, thank you.",
        ),
    ),
    (
        "A mirror arrived with a scratch. Another one goes out on Monday at no charge; photos were asked for by text.",
        (
            "The mirror came this morning and there is a scratch on it.",
            "I am sorry to hear that. Could you send us a photo by text?",
            "Yes, right away. When could we have another one?",
            "It leaves here on Monday, at no charge.",
        ),
    ),
)
TEXTS = (
    ("Bonjour, puis-je passer demain à 15h30 ?", True),
    ("Oui, c’est noté. À demain !", False),
    ("The photos of the scratch are on their way. Thank you for the quick help!", True),
    ("Your frames are ready. We are open until 18:30.", False),
    ("STOP", True),
)
TAGS = (("urgent", "Urgent"), ("order", "Order"), ("complaint", "Complaint"), ("call-back", "Call back"))

HOOKS: tuple[dict[str, Any], ...] = (
    {"path": "ok", "description": "CRM", "shown": "https://hooks.crm.example/v1/switchhook"},
    {"path": "flaky", "description": "Help desk", "shown": "https://desk.example/inbound/phone?team=front"},
    {"path": "broken", "description": "Order system", "shown": "https://orders.atelier-morel.example/phone"},
    {
        "path": "ok",
        "description": "Data warehouse",
        "shown": "https://ingest.warehouse.example/events",
        "paused": True,
    },
    {
        "path": "ok",
        "description": "Chat room",
        "shown": "https://chat.example/services/T024BE7LD/B07LZ4N1Q/a-very-long-path-that-nobody-would-ever-write-by-hand-"
        "but-that-is-handed-out/all-the-same?format=json&thread=events",
        "rate_limit": 0.5,
        "max_in_flight": 1,
    },
    {"path": "gone", "description": None, "shown": "https://old.intranet.example/cgi-bin/phone.pl"},
)
TOPICS = ["call.received", "call.completed", "sms.received", "sms.sent", "contact.created", "tag.added"]


def their(n: int) -> str:
    """The number of the n-th person."""
    return f"+336399810{n + 40:02}"
