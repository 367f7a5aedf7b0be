"""Who may send us SIP at all: a packet filter on the stack's own UDP socket.

The SIP stack does not tell from where an INVITE came, and what the message itself says (Via, Contact, From) is the
sender's word. So the kernel decides: a classic BPF program (Linux, `SO_ATTACH_FILTER`, socket(7)) on the listening
socket lets a datagram pass only if its IPv4 source is in one of the allowed networks. Anything else never reaches
the parser.

What this does not do: UDP sources can be forged by who sits on the path or where networks do not filter; within the
allowed networks everybody is believed; sound has sockets of its own (see `edge.relay`).
"""

import ctypes
import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it
_NET_HEADER = -0x100000  # SKF_NET_OFF: loads relative to the IP header
_SOURCE = 12  # where the source address stands in an IPv4 header (RFC 791)

_LOAD_WORD = 0x20  # A = packet[k:k+4]
_LOAD_HALF = 0x28  # A = packet[k:k+2]; the packet begins with the UDP header
_AND = 0x54  # A &= k
_JUMP_EQUAL = 0x15
_RETURN = 0x06

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, k


def program(networks: Sequence[IPv4Network], ourselves: tuple[str, int] | None = None) -> list[Instruction]:
    """The filter: pass a packet whole if its source is in one of `networks`, or is `ourselves`; else drop it."""
    code: list[Instruction] = []
    if ourselves is not None:
        code += [
            (_LOAD_WORD, 0, 0, (_NET_HEADER + _SOURCE) & 0xFFFFFFFF),
            (_JUMP_EQUAL, 0, 3, int(IPv4Address(ourselves[0]))),
            (_LOAD_HALF, 0, 0, 0),
            (_JUMP_EQUAL, 0, 1, ourselves[1]),
            (_RETURN, 0, 0, 0x40000),
        ]
    for network in networks:
        code.append((_LOAD_WORD, 0, 0, (_NET_HEADER + _SOURCE) & 0xFFFFFFFF))
        code.append((_AND, 0, 0, int(network.netmask)))
        # Equal: fall into the "pass" that follows; otherwise jump over it.
        code.append((_JUMP_EQUAL, 0, 1, int(network.network_address)))
        code.append((_RETURN, 0, 0, 0x40000))
    code.append((_RETURN, 0, 0, 0))
    return code


def attach(
    sock: socket.socket, networks: Sequence[IPv4Network], ourselves: tuple[str, int] | None = None
) -> None:
    """Filter everything that arrives on `sock` from now on.

    Raises:
        OSError: the kernel refused.
    """
    code = program(networks, ourselves)
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    head = struct.pack("@HP", len(code), ctypes.addressof(buffer))  # struct sock_fprog
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)


def works() -> bool:
    """Whether this machine's kernel filters indeed: some sandboxes accept the option and ignore it."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        try:
            attach(receiver, [IPv4Network("192.0.2.0/24")])  # TEST-NET-1: nobody
        except OSError:
            return False
        sender.sendto(b"?", receiver.getsockname())
        # On loopback a datagram is in the receiver's queue when sendto returns: there is nothing to wait for.
        try:
            receiver.recv(1)
        except BlockingIOError:
            return True
        return False


def ports(host: str) -> set[int]:
    """The UDP ports that this process has bound to `host`."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            copy = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # not a socket, or closed since
        with copy:
            if copy.family == socket.AF_INET and copy.type == socket.SOCK_DGRAM:
                name, port = copy.getsockname()
                found |= {port} if name == host else set()
    return found


def guard(address: tuple[str, int], networks: Sequence[IPv4Network]) -> None:
    """Put the filter on the UDP socket that this process has bound to `address`.

    The socket belongs to the stack; it is found among this process's descriptors and left open.

    Raises:
        OSError: there is no such socket, or the kernel cannot filter and the address can be reached from elsewhere.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            copy = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # not a socket, or closed since
        with copy:
            if (
                copy.family != socket.AF_INET
                or copy.type != socket.SOCK_DGRAM
                or copy.getsockname() != address
            ):
                continue
            if works():
                attach(copy, networks, address)  # the stack calls itself now and then
                return
            # The kernel itself never delivers foreign packets to a loopback address.
            loopback = IPv4Network("127.0.0.0/8")
            if IPv4Address(address[0]) in loopback and any(loopback.subnet_of(n) for n in networks):
                return
            raise OSError("this kernel ignores socket filters, so that sip.allow could not be held")
    raise OSError(f"no UDP socket is bound to {address[0]}:{address[1]}")
