"""Who is calling, asked at the moment of ringing: one question to the database."""

from switchhook.storage.people import DEALS_MAX, Company, Contact, Deal, company_of, contact_of, deal_of
from switchhook.storage.store import Reader

_PERSON_COLUMNS = len(Contact.__struct_fields__)


async def caller_of_number(
    reader: Reader, workspace: str, number: str
) -> tuple[Contact, Company | None, list[Deal]] | None:
    """Whose number (E.164) it is, their company, and its deals as `deals_of_company` gives them: one question."""
    rows = await reader.fetch("caller", workspace, number, DEALS_MAX)
    if not rows:
        return None
    end = _PERSON_COLUMNS + len(Company.__struct_fields__)
    person, company = rows[0][:_PERSON_COLUMNS], rows[0][_PERSON_COLUMNS:end]
    return (
        contact_of(person),
        None if company[0] is None else company_of(company),
        [deal_of(row[end:]) for row in rows if row[end] is not None],
    )
