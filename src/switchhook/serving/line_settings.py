"""What the SIP line is told when it opens: the settings, and who is on it."""

from switchhook.settings.config import Config
from switchhook.settings.members import NUMBER
from switchhook.telephony.sip.config import SipConfig
from switchhook.workspace.directory import Directory


def line_settings(config: Config, known: Directory) -> SipConfig:
    """The settings of the line as it sees them. Who is blocked, or not `known`, has no telephone."""
    extensions = {user.extension: user.email for user in config.users if user.extension}
    on_it = {address for user in known.users for address in user.telephones}
    phones = [user for user in config.users if user.sip_name and set(user.addresses) <= on_it]
    return SipConfig(
        listen=config.sip_listen,
        listen_tcp=config.sip_listen_tcp,
        listen_tls=config.sip_listen_tls,
        tls_cert=config.sip_tls_cert,
        tls_key=config.sip_tls_key,
        allow=tuple(str(network) for network in config.sip_allow),
        rtp_ports="-".join(map(str, config.sip_rtp_ports)),
        users=tuple(address for user in known.users for address in user.telephones),
        passwords={user.sip_name: user.sip_password for user in phones if user.sip_password},
        hashes={user.sip_name: user.sip_ha1 for user in phones if user.sip_ha1},
        guarded=tuple(address for user in phones for address in user.sip),
        trunk=config.sip_trunk,
        trunk_register=config.sip_trunk_register,
        numbers=tuple(one.number for one in known.numbers if one.type == NUMBER),
        extensions=tuple(extensions),
        record=config.sip_record,
        record_key=config.sip_record_key,
        trust_identity=config.sip_trust_identity,
        number_header=config.sip_number_header,
        username=config.sip_username,
        password=config.sip_password,
        max_calls=config.sip_max_calls,
        max_seconds=config.sip_max_seconds,
        codecs=config.sip_codecs,
        srtp=config.sip_srtp,
    )
