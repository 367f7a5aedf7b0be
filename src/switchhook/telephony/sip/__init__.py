"""Switchhook's own telephone line: SIP and RTP in a worker process, watched from the server's.

`SipLine` is what the application starts; it is handed facts and asked where a call goes. Which event a fact
makes, and what is stored, is decided elsewhere; nothing here imports the database or HTTP.
"""

from switchhook.telephony.sip.config import SipConfig
from switchhook.telephony.sip.plan import Dial, Mailbox, Reject, Ring, RingPlan
from switchhook.telephony.sip.supervisor import LineError, LineState, SipLine

__all__ = ["Dial", "LineError", "LineState", "Mailbox", "Reject", "Ring", "RingPlan", "SipConfig", "SipLine"]
