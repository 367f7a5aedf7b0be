"""Users whose telephones register, as the settings name them."""

import pytest

from switchhook.settings.members import UserConfig

MD5, SHA = "0123456789abcdef" * 2, "0123456789ABCDEF" * 4


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, ""),
        ({"sip_password": "long enough"}, "camille"),
        ({"sip_ha1": (MD5, SHA)}, "camille"),
        ({"sip_ha1": (SHA, MD5), "sip_user": "c.martin"}, "c.martin"),
    ],
)
def test_the_name_that_telephones_register_under(more: dict[str, object], name: str) -> None:
    user = UserConfig("camille@acme.example", **more)  # type: ignore[arg-type]
    assert user.sip_name == name
    assert user.addresses == ((f"sip:{name}@registered",) if name else ())
    assert MD5 not in repr(user)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"sip_user": "camille"}, "wants a sip_password"),
        ({"sip_password": "short"}, "8 characters at least"),
        ({"sip_password": "long enough", "sip_ha1": (MD5, SHA)}, "one of the two"),
        ({"sip_ha1": (MD5,)}, "wanted two hashes"),
        ({"sip_ha1": (MD5, MD5)}, "wanted two hashes"),
        ({"sip_ha1": (MD5, SHA, SHA)}, "wanted two hashes"),
        ({"sip_ha1": (MD5, SHA[:-1] + "g")}, "wanted two hashes"),
        ({"sip_ha1": (MD5, SHA), "sip_user": "a b"}, "wanted letters, digits"),
    ],
)
def test_what_is_wrong_of_a_user_is_said(more: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as said:
        UserConfig("camille@acme.example", **more)  # type: ignore[arg-type]
    assert MD5 not in str(said.value)
