"""Which `Kind` an exception of the socket, the resolver or TLS is. Told by error numbers and types, never by text."""

import errno
import socket
import ssl

from switchhook.delivery.exchange import Failure, Kind

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_VERIFY = {
    9: Kind.TLS_EXPIRED,  # not yet valid
    10: Kind.TLS_EXPIRED,
    18: Kind.TLS_SELF_SIGNED,
    19: Kind.TLS_SELF_SIGNED,  # the root that came along is not known: a private authority
    62: Kind.TLS_WRONG_HOST,
    64: Kind.TLS_WRONG_HOST,  # the same, for an IP address
}
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_NOT_FOUND = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class DialFailed(Exception):
    """No connection was made; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def of_lookup(error: OSError) -> Failure:
    """A name look-up that failed."""
    if isinstance(error, socket.gaierror) and error.errno in _NOT_FOUND:
        return Failure(Kind.DNS_NOT_FOUND, _text(error))
    if error.errno in _EXHAUSTED:
        return Failure(Kind.SENDER_EXHAUSTED, _text(error))
    return Failure(Kind.DNS_FAILED, _text(error))


def of_connect(error: OSError) -> Failure:
    """A TCP connection that was not made."""
    if error.errno == errno.ECONNREFUSED or isinstance(error, ConnectionRefusedError):
        return Failure(Kind.CONNECT_REFUSED, _text(error))
    if isinstance(error, TimeoutError):  # ours, and the kernel's ETIMEDOUT
        return Failure(Kind.CONNECT_TIMEOUT, "no answer to the connection")
    if error.errno in _EXHAUSTED:
        return Failure(Kind.SENDER_EXHAUSTED, _text(error))
    return Failure(Kind.CONNECT_UNREACHABLE, _text(error))


def of_handshake(error: OSError) -> Failure:
    """A TLS handshake that failed (`ssl.SSLError` is an `OSError`)."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(
            _VERIFY.get(error.verify_code, Kind.TLS_UNTRUSTED),
            f"{error.verify_message} (verify code {error.verify_code})",
        )
    if isinstance(error, ssl.SSLError):
        return Failure(Kind.TLS_FAILED, _text(error))
    if error.errno in _EXHAUSTED:
        return Failure(Kind.SENDER_EXHAUSTED, _text(error))
    return Failure(Kind.TLS_FAILED, f"the connection broke in the handshake: {_text(error)}")


def of_exchange(error: Exception) -> Failure:
    """A connection that broke after the request was begun."""
    return Failure(Kind.CONNECTION_RESET, _text(error))


def _text(error: Exception) -> str:
    """The system's words for an error, without what libraries add to them."""
    if isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, str(error.errno))
    return type(error).__name__
