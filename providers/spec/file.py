"""A provider's whole file, and what the engine must know of it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from enrich.domain.outcome import OutcomeKind
from enrich.domain.provider import Charge, ProviderSpec, Tier
from enrich.domain.rate import RateLimit
from enrich.domain.values import microcredits_of
from providers.spec.answers import Example, Response, Rule
from providers.spec.idempotency import Idempotency
from providers.spec.model import (
    Auth,
    Bulk,
    BulkExample,
    Deferred,
    Keep,
    Limit,
    Price,
    Request,
    Retry,
    Timeouts,
)
from providers.spec.parts import FieldName, Name, Part, Text
from providers.spec.template import Template, names_of

__all__ = ["HttpSpec"]

#: What a template may mention beside a row's fields, by the part that it stands in.
_SPECIAL = {
    "request": frozenset({"$callback"}),
    "bulk": frozenset({"$key", "$callback"}),
    "deferred": frozenset({"$token"}),
    "idempotency": frozenset({"$call"}),
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class HttpSpec(Part):
    """One HTTP provider, as its file describes it.

    Attributes:
        inputs: alternatives; a row can be asked about when it has all fields of any one of them.
        data_class: whose data it gives: of everybody's, of companies, or personal.
        guessed: keys of this file that are not from the provider's own words, as dotted paths.
        contact: it demands a User-Agent that says whom to write to.
        in_doubt: what becomes of a paid call whose caller died; unset, the setting decides.
        hedge: what takes too long may be asked a second time at once: it is free, or billed once by
            its key.
    """

    name: Name
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,20}$")] = "1"
    title: Text
    state: Literal["active", "deprecated", "gone"] = "active"
    successor: Text = ""
    tier: Tier
    family: Text = ""
    licence: Annotated[Text, Field(min_length=1)]
    source: Annotated[Text, Field(min_length=1)]
    data_class: Literal["public", "company", "personal"]
    base_url: str
    contact: bool = False
    hedge: bool = False
    in_doubt: Literal["call_again", "park"] | None = None
    inputs: Annotated[tuple[tuple[FieldName, ...], ...], Field(min_length=1)]
    optional_inputs: tuple[FieldName, ...] = ()
    max_concurrent: Annotated[int, Field(ge=1, le=64)] = 8
    guessed: tuple[str, ...] = ()
    price: Price = Price()
    auth: Auth = Auth()
    limits: tuple[Limit, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    keep: Keep = Keep()
    request: tuple[Request, ...] = ()
    bulk: Bulk | None = None
    outcomes: tuple[Rule, ...] = ()
    response: Response
    deferred: Deferred | None = None
    idempotency: Idempotency | None = None
    example: tuple[Example, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
        if not is_safe or not parts.hostname or "{" in value:
            raise ValueError("must be https://host, without a hole: a host never comes from a row")
        if parts.query or parts.fragment or "@" in parts.netloc or value.endswith("/"):
            raise ValueError("must have no user, query or fragment, and no / at its end")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for check in (
            self._check_requests,
            self._check_holes,
            self._check_deferred,
            self._check_hedge,
        ):
            check()
        if self.successor and self.state == "active":
            raise ValueError("successor goes with state 'deprecated' or 'gone'")
        if self.retry.on == "unavailable" and self._may_be_charged_twice():
            raise ValueError("retry on 'unavailable' may pay twice for a POST; write 'connect'")
        return self

    @cached_property
    def provider_spec(self) -> ProviderSpec:
        """What the engine must know: price, fields, needs, limits."""
        return ProviderSpec(
            name=self.name,
            version=self.version,
            tier=self.tier,
            gives={field: mapped.prior for field, mapped in self.response.fields.items()},
            inputs=tuple(frozenset(needed) for needed in self.inputs),
            optional_inputs=frozenset(self.optional_inputs),
            price_microcredits=microcredits_of(self.price.credits),
            charge=Charge(self.price.charge),
            family=self.family,
            licence=self.licence,
            source=self.source,
            timeout_s=self.timeouts.total_s,
            bulk_size=self.bulk.size if self.bulk else 1,
            limits=tuple(RateLimit(limit.count, limit.per_s) for limit in self.limits),
            limits_are_of_keys=all(limit.of == "key" for limit in self.limits),
            max_concurrent=self.max_concurrent,
            ttl_s=self.keep.found_s,
            negative_ttl_s=self.keep.not_found_s,
            takes_key=bool(self.idempotency and self.idempotency.header),
            can_look_up=bool(self.idempotency and self.idempotency.lookup),
            in_doubt=self.in_doubt or "",
            hedge=self.hedge,
        )

    @property
    def credential(self) -> str | None:
        """The name of the credential that it takes; None when it takes none."""
        return None if self.auth.kind == "none" else self.auth.credential or self.name

    @property
    def answers_by_webhook_only(self) -> bool:
        """Say whether it cannot be asked how a question stands."""
        return self.deferred is not None and self.deferred.poll is None

    @property
    def tells_where(self) -> bool:
        """Say whether its requests tell where an answer is to be sent."""
        return any("$callback" in template.names for _, template in self._templates())

    @property
    def replies(self) -> tuple[Example | BulkExample, ...]:
        """All replies that it shows: those about one row, then those about many."""
        return (*self.example, *(self.bulk.example if self.bulk else ()))

    @property
    def known_inputs(self) -> frozenset[str]:
        """All fields that a template may mention."""
        return frozenset().union(*self.inputs, self.optional_inputs)

    def _may_be_charged_twice(self) -> bool:
        asks = (*self.request, *((self.bulk,) if self.bulk else ()))
        return self.price.credits > 0 and any(ask.method != "GET" for ask in asks)

    def _check_requests(self) -> None:
        if not self.request and self.bulk is None:
            raise ValueError("there is no way to ask; add [[request]] or [bulk]")
        for needed in self.inputs:
            served = any(set(each.needs) <= set(needed) for each in self.request)
            if self.request and not served:
                raise ValueError(f"no request serves a row that has only {', '.join(needed)}")

    def _check_holes(self) -> None:
        for place, template in self._templates():
            for name in sorted(template.names - self.known_inputs - _SPECIAL[place]):
                raise ValueError(
                    f"{place} mentions {{{name}}}; add it to inputs or optional_inputs"
                )

    def _check_deferred(self) -> None:
        pends = any(rule.outcome is OutcomeKind.PENDING for rule in self.outcomes)
        has_token = any(rule.token is not None for rule in self.outcomes)
        if has_token and self.deferred is None:
            raise ValueError("a rule takes a token, and nothing asks with it; add [deferred]")
        if self.deferred is not None and not pends:
            raise ValueError("[deferred] is never used; add an outcome 'pending'")
        if self.tells_where and not (self.deferred and self.deferred.mode == "webhook"):
            raise ValueError(
                "{$callback} is for what answers later; add [deferred] mode = 'webhook'"
            )
        if self.answers_by_webhook_only and not self.tells_where:
            raise ValueError(
                "nobody tells it where to send its answer; add {$callback} to requests"
            )

    def _check_hedge(self) -> None:
        if not self.hedge:
            return
        has_key = self.idempotency is not None and self.idempotency.header is not None
        is_free = self.price.credits == 0
        if not is_free and not (has_key and self.price.charge == "on_hit"):
            raise ValueError("hedge may pay twice: it is for what is free, or for hits by a key")
        if self.bulk or self.deferred or any(each.method != "GET" for each in self.request):
            raise ValueError("hedge is for single GETs that are answered at once; leave it out")
        if self.retry.on == "unavailable":
            raise ValueError("hedge and retry on 'unavailable' ask again both; keep one of them")

    def _templates(self) -> Iterator[tuple[str, Template]]:
        asks: list[tuple[str, Request]] = [("request", each) for each in self.request]
        asks += [("bulk", self.bulk)] if self.bulk else []
        poll = self.deferred.poll if self.deferred else None
        asks += [("deferred", poll)] if poll else []
        lookup = self.idempotency.lookup if self.idempotency else None
        asks += [("idempotency", lookup)] if lookup else []
        for place, ask in asks:
            yield place, ask.path
            for table in (ask.query, ask.headers, ask.form or {}):
                yield from ((place, template) for template in table.values())
            bodies = [ask.body_json, ask.item] if isinstance(ask, Bulk) else [ask.body_json]
            for body in bodies:
                holes = "".join(f"{{{name}}}" for name in sorted(names_of(body)))
                yield place, Template.parse(holes)
        if self.bulk and self.bulk.key:
            yield "bulk", self.bulk.key
