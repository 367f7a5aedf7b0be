"""What the line must be told before it starts."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_network

import msgspec

from switchhook.telephony.sip.address import parse_uri
from switchhook.telephony.sip.sound import check_sound


class SipConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The line's settings. `check` says what is wrong with them.

    listen: IPv4 address and UDP port for SIP. One address, not 0.0.0.0: it is written into SIP and SDP.
    listen_tcp, listen_tls: the same for TCP and TLS; off when empty. tls_cert, tls_key: PEM files.
    allow: networks that are believed: whoever is in them may call in, and is whom he says he is. Others are heard
        when some user has a password, and must prove to be that user.
    passwords: those of users whose telephones register, by the names they do it under.
    hashes: for users whose passwords are not known, what stands for them: by MD5 and by SHA-256, see `edge.digest.ha1`.
    guarded: telephones of such users that are known by their address; they must say the password as well.
    trunk: where calls to the outside go, `HOST:PORT`, perhaps with `;transport=`. Known by its address.
    trunk_register: whether we register there, as `username`.
    bindings: file in which registrations are kept over a restart of the worker; nowhere when empty.
    rtp_ports: range of UDP ports for sound from outside, `FIRST-LAST`; two for each leg.
    users: SIP addresses of the users' telephones; an INVITE from one of them is an outbound call...
    numbers, extensions: ...and one among ourselves when it goes to one of our own numbers, or of our users.
    record: whether calls are recorded. The mailbox always is.
    record_key: keys by which our users pause the recording of their talk and go on; none when empty.
    trust_identity: believe P-Asserted-Identity in an INVITE before From. Only for a trunk that sets it.
    number_header: where the called number stands: `To`, or the trunk's own header such as `X-DID` or `Diversion`.
    username, password: what to answer when a trunk challenges our INVITE with 401 or 407.
    max_calls: calls at the same time; the next is refused with 503 and reported nowhere.
    max_seconds: the longest that a conversation may last.
    codecs: what sound is sent and taken in, in the order of preference: see `sound.CODECS`.
    srtp: whether sound is encrypted: `off`, `offer` or `require`.
    """

    listen: str = "127.0.0.1:5060"
    listen_tcp: str = ""
    listen_tls: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    allow: tuple[str, ...] = ("127.0.0.0/8",)
    passwords: dict[str, str] = {}
    hashes: dict[str, tuple[str, ...]] = {}
    guarded: tuple[str, ...] = ()
    trunk: str = ""
    trunk_register: bool = False
    bindings: str = ""
    rtp_ports: str = "10000-10999"
    users: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    record: bool = True
    record_key: str = ""
    trust_identity: bool = False
    number_header: str = "To"
    username: str = "switchhook"
    password: str = ""
    max_calls: int = 100
    max_seconds: float = 4 * 3600.0
    codecs: tuple[str, ...] = ("pcmu", "pcma")
    srtp: str = "off"

    def address(self, name: str = "listen") -> tuple[str, int]:
        """Host and port of `listen`, or of another one.

        Raises:
            ValueError: it is not `IPv4:port`.
        """
        text: str = getattr(self, name)
        host, _, port = text.rpartition(":")
        try:
            if IPv4Address(host).is_unspecified:
                raise ValueError(f"sip {name} {text!r}: name one address; it is written into SIP and SDP")
        except AddressValueError:
            raise ValueError(f"sip {name} {text!r}: wanted IPv4:port, as 127.0.0.1:5060") from None
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"sip {name} {text!r}: not a port: {port!r}")
        return host, int(port)

    @property
    def known(self) -> dict[str, str | tuple[str, ...]]:
        """Who registers, with a password or what stands for it."""
        return {**self.passwords, **self.hashes}

    def networks(self) -> tuple[IPv4Network, ...]:
        """`allow`, parsed.

        Raises:
            ValueError: a network is none, or there is not one.
        """
        parsed = [ip_network(text) for text in self.allow]
        four = tuple(network for network in parsed if isinstance(network, IPv4Network))
        if not four or len(four) != len(parsed):
            raise ValueError("sip allow: at least one network, and IPv4 only")
        return four

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: with the setting's name and what is wrong.
        """
        self.address()
        self.networks()
        for name in ("listen_tcp", "listen_tls"):
            if getattr(self, name):
                self.address(name)
        if self.listen_tls and not self.tls_cert:
            raise ValueError("sip listen_tls: wants tls_cert, the file of its certificate")
        if self.trunk:
            parse_uri(f"sip:{self.trunk}")
        first, _, last = self.rtp_ports.partition("-")
        if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
            raise ValueError(f"sip rtp_ports {self.rtp_ports!r}: wanted FIRST-LAST within 1024-65535")
        if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", self.number_header):
            raise ValueError(f"sip number_header {self.number_header!r}: not a header's name")
        check_sound(self.codecs, self.srtp)
        for user in self.users:
            parse_uri(user)
        if self.max_calls < 1 or self.max_seconds <= 0:
            raise ValueError("sip max_calls and max_seconds: must be positive")
        if any(c in self.password for c in '"\\\r\n') or not re.fullmatch(
            r"[A-Za-z0-9._~+-]+", self.username
        ):
            raise ValueError("sip username or password: has characters that the stack cannot carry")
