"""People, companies and deals as the CRM routes carry them. Times are ISO 8601 in UTC without a zone."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(max_length=500)]
Long = Annotated[str, Meta(max_length=2048)]
Numbers = Annotated[
    list[Annotated[str, Meta(max_length=64)]],
    Meta(
        min_length=1, max_length=50, description="E.164, or as they are written in the workspace's country."
    ),
]
Emails = Annotated[list[Annotated[str, Meta(max_length=320)]], Meta(max_length=50)]
Name = Annotated[str, Meta(min_length=1, max_length=500)]
# Not `$`, which Python's expressions also find before a line break at the end.
Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}(?![\s\S])", description="Three letters, such as EUR.")]
Amount = Annotated[float, Meta(gt=-1e15, lt=1e15)]
Properties = Annotated[
    dict[str, Any], Meta(description="The workspace's own properties by key; null takes one away.")
]


class NewPerson(Struct, frozen=True, kw_only=True):
    """A person to be created: at least one number, and a name or a last name."""

    numbers: Numbers
    name: Text | None = None
    last_name: Text | None = None
    job_title: Text | None = None
    website: Long | None = None
    address: Long | None = None
    emails: Emails | None = None
    company_id: Text | None = None
    custom_properties: Properties | None = None
    allow_duplicate_number: bool = False


class PersonChange(Struct, frozen=True, kw_only=True):
    """What is to change of a person; what is absent stays, lists replace, null takes away."""

    numbers: Numbers | UnsetType = UNSET
    name: Text | UnsetType | None = UNSET
    last_name: Text | UnsetType | None = UNSET
    job_title: Text | UnsetType | None = UNSET
    website: Long | UnsetType | None = UNSET
    address: Long | UnsetType | None = UNSET
    emails: Emails | UnsetType | None = UNSET
    company_id: Text | UnsetType | None = UNSET
    custom_properties: Properties | UnsetType | None = UNSET
    allow_duplicate_number: bool = False


class Named(Struct, frozen=True):
    """Something by its id and name."""

    id: str
    name: str | None


class Person(Struct, frozen=True, kw_only=True):
    """Somebody whom the workspace knows. `name` is the first name, `numbers` are E.164."""

    id: str
    name: str | None
    last_name: str | None
    job_title: str | None
    website: str | None
    address: str | None
    numbers: list[str]
    emails: list[str]
    company: Named | None
    interactions: int
    last_activity_at: str | None
    created_at: str
    updated_at: str
    custom_properties: dict[str, Any]


class MergeAsked(Struct, frozen=True, kw_only=True):
    """Who becomes part of this person."""

    person_id: Text


class ImportFault(Struct, frozen=True):
    """What is wrong with a row, and what helps. `field` is empty when it is no one field."""

    field: str
    code: str
    message: str


class ImportedRow(Struct, frozen=True, kw_only=True):
    """What became of a row or a card, or would become. `line` is its first one, counted from 1 over the whole file.

    `ignored` names the properties of a card that have no place in a person; absent when there are none.
    """

    line: int
    outcome: Literal["created", "updated", "unchanged", "faulty"]
    person_id: str | None
    faults: list[ImportFault]
    ignored: list[str] | UnsetType = UNSET


class ImportReport(Struct, frozen=True, kw_only=True):
    """What became of a file."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    faulty: int
    rows: list[ImportedRow]


class NewCompany(Struct, frozen=True, kw_only=True):
    """A company to be created."""

    name: Name
    website: Long | None = None
    industry: Text | None = None


class CompanyChange(Struct, frozen=True, kw_only=True):
    """What is to change of a company; what is absent stays."""

    name: Name | UnsetType = UNSET
    website: Long | UnsetType | None = UNSET
    industry: Text | UnsetType | None = UNSET


class CompanyDetail(Struct, frozen=True, kw_only=True):
    """A company that people belong to."""

    id: str
    name: str
    website: str | None
    industry: str | None
    person_count: int
    interactions: int
    last_activity_at: str | None
    created_at: str
    updated_at: str


class NewDeal(Struct, frozen=True, kw_only=True):
    """A deal to be created. `closed_at` is an ISO 8601 date or date-time."""

    name: Name
    status: Text | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    closed_at: Text | None = None
    company_id: Text | None = None


class DealChange(Struct, frozen=True, kw_only=True):
    """What is to change of a deal; what is absent stays, null takes away."""

    name: Name | UnsetType = UNSET
    status: Text | UnsetType | None = UNSET
    amount: Amount | UnsetType | None = UNSET
    currency: Currency | UnsetType | None = UNSET
    closed_at: Text | UnsetType | None = UNSET
    company_id: Text | UnsetType | None = UNSET


class DealDetail(Struct, frozen=True, kw_only=True):
    """A deal with a company. `status` is free text."""

    id: str
    name: str
    status: str | None
    amount: int | float | None
    currency: str | None
    closed_at: str | None
    company: Named | None
    created_at: str
    updated_at: str


PropertyKind = Literal["text", "number", "boolean", "date", "url", "choice"]


class NewProperty(Struct, frozen=True, kw_only=True):
    """A property that the workspace is to keep of its people. `choices` are what a `choice` may be."""

    key: Annotated[
        str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}(?![\s\S])", description="As events and the API show it.")
    ]
    label: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    type: PropertyKind = "text"
    choices: Annotated[list[Name], Meta(max_length=200)] | None = None


class Property(Struct, frozen=True, kw_only=True):
    """A property that the workspace keeps of its people."""

    key: str
    label: str
    type: PropertyKind
    choices: list[str]
    created_at: str


class PeopleFilters(Struct, frozen=True, kw_only=True):
    """Parts of fields; `phone_number` and `deal_status` are exact."""

    name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    job_title: str | UnsetType = UNSET
    website: str | UnsetType = UNSET
    company: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone_number: str | UnsetType = UNSET
    deal_status: str | UnsetType = UNSET


class CompaniesFilters(Struct, frozen=True, kw_only=True):
    """Parts of fields."""

    name: str | UnsetType = UNSET
    website: str | UnsetType = UNSET
    industry: str | UnsetType = UNSET


class DealsFilters(Struct, frozen=True, kw_only=True):
    """The status of a deal, exactly."""

    stage: str | UnsetType = UNSET


SearchSort = Literal["DATE_DESC", "DATE_ASC", "NAME_ASC", "NAME_DESC", "CREATED_DESC", "CREATED_ASC"]
PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=100)]


class PeopleSearch(Struct, frozen=True, kw_only=True):
    """Which people. `search` is looked for in everything that is shown of them, word by word."""

    filters: PeopleFilters | UnsetType = UNSET
    search: str | UnsetType = UNSET
    sort: SearchSort = "DATE_DESC"
    page: PageNumber = 1
    size: PageSize = 20


class CompaniesSearch(Struct, frozen=True, kw_only=True):
    """Which companies."""

    filters: CompaniesFilters | UnsetType = UNSET
    search: str | UnsetType = UNSET
    sort: SearchSort = "DATE_DESC"
    page: PageNumber = 1
    size: PageSize = 20


class DealsSearch(Struct, frozen=True, kw_only=True):
    """Which deals."""

    filters: DealsFilters | UnsetType = UNSET
    search: str | UnsetType = UNSET
    sort: SearchSort = "DATE_DESC"
    page: PageNumber = 1
    size: PageSize = 20
