"""Users and numbers as they are set up."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from switchhook.api.shapes.conversations import NumberDetail

Role = Literal["ADMIN", "MANAGER", "MEMBER"]
Status = Literal["ACTIVE", "BLOCKED"]
Name = Annotated[str, Meta(max_length=200)]
Email = Annotated[str, Meta(max_length=254)]
Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}(?![\s\S])", description="Two letters, such as FR.")]
Capabilities = Annotated[list[Literal["VOICE", "SMS", "MMS"]], Meta(min_length=1, max_length=3)]
Who = Annotated[list[Email], Meta(max_length=100)]


class NewUser(Struct, frozen=True, kw_only=True):
    """Somebody to be added. Their telephones stand in the settings."""

    email: Email
    name: Name = ""
    role: Role = "MEMBER"
    status: Status = "ACTIVE"


class UserChange(Struct, frozen=True, kw_only=True):
    """What is to change of a user; what is absent stays. The telephones of who is BLOCKED neither ring nor call."""

    name: Name | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class NewNumber(Struct, frozen=True, kw_only=True):
    """A number, or the name that texts are sent under. `users`: addresses or ids; the first one answers for it."""

    number: Annotated[str, Meta(max_length=64)]
    name: Name = ""
    type: Literal["NUMBER", "SENDER_ID"] = "NUMBER"
    country: Country | UnsetType = UNSET
    capabilities: Capabilities | UnsetType = UNSET
    users: Who = []


class NumberChange(Struct, frozen=True, kw_only=True):
    """What is to change of a number or sender id; what is absent stays, lists replace."""

    name: Name | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    capabilities: Capabilities | UnsetType = UNSET
    users: Who | UnsetType = UNSET


class NumberSetup(NumberDetail, frozen=True, kw_only=True):
    """A number and what becomes of its calls on the SIP line: `plan`, in the words of the settings."""

    plan: dict[str, Any]
