"""Groups of fields that should come from one source together."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["GROUPS", "group_of"]

#: Fields that describe one thing together: parts of two sources' answers make no true whole, as a
#: city of one beside the postal code of another.
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "place": (
            "headquarters", "address", "city", "region", "postal_code", "country", "country_code",
            "country_code3", "latitude", "longitude",
        ),
        "person": (
            "full_name", "first_name", "middle_name", "last_name", "name_title", "name_suffix",
        ),
        "phone": (
            "phone", "phone_e164", "phone_extension", "phone_country", "phone_region",
            "phone_carrier", "phone_line_type", "phone_time_zone",
        ),
        "email": ("email", "email_normalised", "email_domain", "email_status"),
        "security": ("ticker", "isin"),
        "industry_naics": ("naics_code", "naics_title"),
        "network": ("ip_address", "asn", "network_owner"),
    }
)  # fmt: skip
_GROUP_OF = {field: group for group, fields in GROUPS.items() for field in fields}


def group_of(field: str) -> str | None:
    """Name the group whose fields should come from one source together; None without one."""
    return _GROUP_OF.get(field)
