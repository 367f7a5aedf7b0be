"""Settings of the SIP line and its sockets."""

from switchhook.settings import parsers
from switchhook.settings.sources import Option

# fmt: off - a table: one line each
SIP_OPTIONS: tuple[Option, ...] = (
    Option(
        "sip_listen",
        parsers.listen,
        "",
        "Address and UDP port of the SIP line; off by default.",
        "ADDRESS:PORT",
    ),
    Option("sip_listen_tcp", parsers.listen, "", "Address and TCP port of the SIP line.", "ADDRESS:PORT"),
    Option("sip_listen_tls", parsers.listen, "", "Address and TLS port of the SIP line.", "ADDRESS:PORT"),
    Option("sip_tls_cert", parsers.text, "", "Certificate and chain of the TLS port, as PEM.", "FILE"),
    Option("sip_tls_key", parsers.text, "", "Its key, when that is in a file of its own.", "FILE"),
    Option(
        "sip_allow",
        parsers.networks,
        parsers.networks("127.0.0.0/8"),
        "Networks that are believed on the SIP line: the trunk, and telephones without a password.",
        "NETS",
    ),
    Option("sip_trunk", parsers.text, "", "SIP address that calls to the outside go through.", "HOST:PORT"),
    Option("sip_trunk_register", parsers.switch, False, "Register at the trunk, as sip_username.", "BOOL"),
    Option("sip_rtp_ports", parsers.ports, (10_000, 10_999), "UDP ports for media.", "LOW-HIGH"),
    Option("sip_record", parsers.switch, True, "Record calls. Voicemail always is.", "BOOL"),
    Option(
        "sip_record_key",
        parsers.keys,
        "",
        "Keys by which users pause the recording of their talk, and go on.",
        "KEYS",
    ),
    Option("sip_greeting", parsers.text, "", "WAV file (8 kHz mono) played before a voicemail.", "FILE"),
    Option("sip_voicemail_seconds", parsers.number(1, 3_600), 120.0, "Longest voicemail message.", "SECONDS"),
    Option(
        "sip_trust_identity",
        parsers.switch,
        False,
        "Believe the trunk's P-Asserted-Identity before From.",
        "BOOL",
    ),
    Option(
        "sip_number_header",
        parsers.text,
        "To",
        "Header with the called number, when the trunk has its own.",
        "NAME",
    ),
    Option("sip_username", parsers.text, "switchhook", "User name when a trunk asks for one.", "NAME"),
    Option("sip_password", parsers.text, "", "Password when a trunk asks for one.", "SECRET"),
    Option("sip_max_calls", parsers.whole(1, 1_000), 100, "Calls at the same time.", "N"),
    Option("sip_max_seconds", parsers.number(1, 86_400), 14_400.0, "Longest conversation.", "SECONDS"),
)
# fmt: on
