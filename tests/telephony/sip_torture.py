"""Messages that RFC 4475 describes, built from what it says of each; and what may become of them.

`Torture.parsed` is what reading comes to: None for a message that is taken, else the status it is refused with, 0 for
what is dropped without a word. `Torture.answer` is what the line answers a stranger with who may speak to it.
"""

from dataclasses import dataclass

HOST = "192.0.2.1"


@dataclass(frozen=True)
class Torture:
    name: str
    data: bytes
    parsed: int | None
    answer: int | None = (
        None  # None: not asked of the line, since it is no request to it, or goes on to the stack
    )


def message(first: str, *lines: str, body: str | bytes = b"", length: int | str | None = None) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    said = f"Content-Length: {len(content) if length is None else length}"
    return "\r\n".join([first, *lines, *([said] if length != "" else [])]).encode() + b"\r\n\r\n" + content


def request(
    method: str,
    *more: str,
    uri: str = f"sip:user@{HOST}",
    first: str | None = None,
    without: tuple[str, ...] = (),
    body: str | bytes = b"",
    length: int | str | None = None,
    **instead: str,
) -> bytes:
    """A plain request; `instead` names headers (`_` for `-`) that have another value."""
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bKkdjuw",
        "Max-Forwards": "70",
        "From": "<sip:caller@example.org>;tag=33242",
        "To": "<sip:user@example.com>",
        "Call-ID": f"{method.lower()}.torture@192.0.2.200",
        "CSeq": f"9 {method}",
        "Contact": "<sip:caller@192.0.2.200>",
    }
    headers |= {name.replace("_", "-"): value for name, value in instead.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if name not in without]
    return message(first or f"{method} {uri} SIP/2.0", *lines, *more, body=body, length=length)


SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.200\r\ns=-\r\nc=IN IP4 192.0.2.200\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0\r\n"
)
SDP_TYPE = "Content-Type: application/sdp"

_WSINV = (
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjf8\r\n'
    "MaX-fOrWaRdS: 0068\r\n"
    "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    "Content-Length   : LENGTH\r\n"
    "cseq: 0009\r\n  INVITE\r\n"
    "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    "s :\r\n"
    "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    "Content-Type: application/sdp\r\n"
    "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    "  secondparam ; q = 0.33\r\n\r\n"
)
_METHOD = "!interesting-Method0123456789_*+`.%indeed'~"
_ODD_URI = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"

TORTURE = (
    # 3.1.1 valid, all of them to be read; the first one is of a call that there is not
    Torture("wsinv", (_WSINV.replace("LENGTH", str(len(SDP))) + SDP).encode(), None, 481),
    Torture(
        "intmeth",
        message(
            f"{_METHOD} {_ODD_URI} SIP/2.0",
            "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
            f'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <{_ODD_URI}>',
            "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
            ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            f"CSeq: 139122385 {_METHOD}",
            "Max-Forwards: 255",
            "extensionHeader-!.%*+_`'~:大停電",
        ),
        None,
        501,
    ),
    Torture(
        "esc01",
        request(
            "INVITE",
            SDP_TYPE,
            uri="sip:sips%3Auser%40example.com@example.net",
            To="sip:%75se%72@example.com",
            From="<sip:I%20have%20spaces@example.net>;tag=938",
            Contact='"Escaped %" <sip:cal%6Cer@192.0.2.2:5060;%6C%72;n%61me=v%61lue%25%34%31>',
            body=SDP,
        ),
        None,
    ),
    Torture("escnull", request("REGISTER", To="sip:null-%00-null@example.com"), None, 401),
    Torture(
        "esc02", request("RE%47IST%45R", From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23'), None, 501
    ),
    Torture("lwsdisp", request("OPTIONS", From="caller<sip:caller@example.com>;tag=323"), None, 200),
    Torture(
        "longreq",
        request(
            "INVITE",
            *[f"Via: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n:040d}" for n in range(34)],
            f"Unknown-{'Long' * 20}-Name: unknown-{'long' * 20}-value",
            SDP_TYPE,
            To=f'"I have a user name of {"extreme" * 10} proportion"<sip:user@example.com:6000;{"unknownparam" * 8}>',
            From=f"sip:{'amazinglylongcallername' * 5}@example.net;tag=12{'982424' * 50}",
            Call_ID=f"longreq.one{'really' * 20}longcallid",
            Contact=f"<sip:{'amazinglylongcallername' * 5}@host5.example.net>",
            body=SDP,
        ),
        None,
    ),
    Torture(
        "dblreq",
        request("REGISTER", To="sip:j.user@example.com")
        + request("INVITE", SDP_TYPE, uri="sip:joe@example.com", body=SDP),
        None,
        401,
    ),
    Torture("semiuri", request("OPTIONS", uri="sip:user;par=u%40example.net@example.com"), None, 200),
    Torture(
        "transports",
        request(
            "OPTIONS",
            "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
            "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
            "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
            "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
        ),
        None,
        200,
    ),
    Torture(
        "mpart01",
        request(
            "MESSAGE",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
            body=b"--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x00\xff0\x82\x01\r\n"
            b"--7a9cbec02ceef655--\r\n",
        ),
        None,
        405,
    ),
    Torture(
        "unreason",
        request("INVITE", first="SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое"),
        None,
    ),
    Torture("noreason", request("INVITE", first="SIP/2.0 100 "), None),
    # 3.1.2 invalid
    Torture(
        "badinv01",
        request(
            "INVITE",
            Via="SIP/2.0/UDP 192.0.2.15;;,;,,",
            To="<sip:j.user@example.com>",
            Contact='"Joe" <sip:joe@example.org>;;;;',
            body=SDP,
        ),
        400,
        400,
    ),
    Torture("clerr", request("INVITE", SDP_TYPE, body=SDP, length=9999), 400, 400),
    Torture("ncl", request("INVITE", SDP_TYPE, body=SDP, length=-999), 400, 400),
    Torture(
        "scalar02",
        request(
            "REGISTER", "Expires: 10000000000000", CSeq="36893488147419103232 REGISTER", Max_Forwards="300"
        ),
        400,
        400,
    ),
    Torture(
        "scalarlg",
        request(
            "REGISTER",
            "Retry-After: 949302838503028349304023988",
            first="SIP/2.0 503 Unavailable",
            CSeq="9292394834772304023312 OPTIONS",
        ),
        0,
    ),
    Torture("quotbal", request("INVITE", To='"Mr. J. User <sip:j.user@example.com>', body=SDP), 400, 400),
    Torture("ltgtruri", request("INVITE", uri="<sip:user@example.com>", body=SDP), 400, 400),
    Torture("lwsruri", request("INVITE", uri="sip:user@example.com; lr", body=SDP), 400, 400),
    Torture("lwsstart", request("INVITE", first="INVITE  sip:user@example.com  SIP/2.0", body=SDP), 400, 400),
    # "should be accepted by the liberal, with the white space ignored"
    Torture("trws", request("OPTIONS", first="OPTIONS sip:remote-target@example.com SIP/2.0  "), None, 200),
    Torture(
        "escruri",
        request("INVITE", uri="sip:user@example.com?Route=%3Csip:example.com%3E", body=SDP),
        400,
        400,
    ),
    Torture("baddate", request("OPTIONS", "Date: Fri, 01 Jan 2010 16:00:00 EST"), None, 200),
    Torture(
        "regbadct",
        request("REGISTER", Contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        400,
        400,
    ),
    Torture("badaspec", request("OPTIONS", To='"Watson, Thomas" < sip:t.watson@example.org >'), 400, 400),
    Torture("baddn", request("OPTIONS", From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), 400, 400),
    Torture("badvers", request("OPTIONS", first="OPTIONS sip:t.watson@example.org SIP/7.0"), 505, 505),
    Torture("mismatch01", request("OPTIONS", CSeq="8 INVITE"), 400, 400),
    Torture("mismatch02", request("NEWMETHOD", CSeq="8 INVITE"), 400, 400),
    Torture("bigcode", request("OPTIONS", first="SIP/2.0 4294967301 better not break the receiver"), 0),
    # 3.2 what a transaction layer must bear
    Torture("badbranch", request("OPTIONS", Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"), None, 200),
    # 3.3 what applications must bear
    Torture("insuf", request("INVITE", without=("Call-ID", "From", "To"), body=SDP), 400, 400),
    Torture("unkscm", request("OPTIONS", uri="nobodyKnowsThisScheme:totallyopaquecontent"), 416, 416),
    Torture("novelsc", request("OPTIONS", uri="soap.beep://192.0.2.103:3002"), 416, 416),
    Torture("unksm2", request("REGISTER", To="isbn:2983792873"), None, 401),
    Torture(
        "bext01",
        request(
            "OPTIONS",
            "Require: nothingSupportsThis, nothingSupportsThisEither",
            "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
        ),
        None,
        420,
    ),
    Torture(
        "invut", request("INVITE", "Content-Type: application/unknownformat", body="<audio/>"), None, 415
    ),
    Torture(
        "regaut01", request("REGISTER", "Authorization: NoOneKnowsThisScheme opaque-data=here"), None, 401
    ),
    Torture(
        "multi01",
        request(
            "INVITE",
            "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKkdjuw2",
            "From: <sip:other@example.com>;tag=1",
            "To: <sip:other@example.com>",
            "Call-ID: multi01.other",
            "CSeq: 59 INVITE",
            body=SDP,
        ),
        400,
        400,
    ),
    Torture("mcl01", request("OPTIONS", "Content-Length: 5", body="There's no way to know"), 400, 400),
    Torture(
        "bcast",
        request("OPTIONS", first="SIP/2.0 200 OK", Via="SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKnashds"),
        None,
    ),
    Torture("zeromf", request("OPTIONS", Max_Forwards="0"), None, 483),
    Torture(
        "cparam01", request("REGISTER", Contact="sip:+19725552222@gw1.example.net;unknownparam"), None, 401
    ),
    Torture(
        "cparam02", request("REGISTER", Contact="<sip:+19725552222@gw1.example.net;unknownparam>"), None, 401
    ),
    Torture(
        "regescrt",
        request("REGISTER", Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
        None,
        401,
    ),
    Torture("sdp01", request("INVITE", "Accept: text/nobodyKnowsThis", SDP_TYPE, body=SDP), None),
    Torture(
        "inv2543",
        request(
            "INVITE",
            SDP_TYPE,
            without=("Max-Forwards",),
            Via="SIP/2.0/UDP iftgw.example.com",
            From="<sip:+13035551111@ift.client.example.net;user=phone>",
            CSeq="56 INVITE",
            body=SDP,
        ),
        None,
    ),
)
