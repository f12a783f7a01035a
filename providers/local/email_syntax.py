"""E-mail addresses by the rules of their syntax; no server is asked."""

from enrich.domain.outcome import Outcome
from enrich.domain.provider import ProviderSpec, Tier
from enrich.domain.values import JsonObject
from providers.base import LocalProvider, observed, text_of

__all__ = ["SPEC", "provider"]

SPEC = ProviderSpec(
    name="email_syntax",
    version="1",
    tier=Tier.FREE,
    gives={"email_normalised": 0.98, "email_is_valid": 0.95},
    inputs=(frozenset({"email"}),),
    licence="Unlicense",
    source="email-validator, without asking name servers",
    data_date="2026-11-01",
    bulk_size=1000,
)


def provider() -> LocalProvider[None]:
    """Make the provider."""
    return LocalProvider(SPEC, load=_load, read=_read)


def _load() -> None:
    import email_validator

    _ = email_validator


def _read(_: None, inputs: JsonObject) -> Outcome:
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(text_of(inputs, "email"), check_deliverability=False)
    except EmailNotValidError:
        return observed(SPEC.gives, {"email_is_valid": False})
    # The part before «@» keeps its case: only the receiving server knows whether it matters.
    return observed(SPEC.gives, {"email_normalised": valid.normalized, "email_is_valid": True})
