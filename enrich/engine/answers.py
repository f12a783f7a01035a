"""Answers of one provider in the cache: read, kept, and refreshed before they run out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from enrich.domain.caching import is_down, is_fresh, keeping_of
from enrich.domain.outcome import Found, outcome_from_json, outcome_to_json
from enrich.domain.provider import Query
from enrich.domain.run import Force, RunView
from enrich.domain.values import Json
from enrich.engine.call import Said
from enrich.engine.parts import Parts
from enrich.ports import CacheEntry, CacheHit, Provider

__all__ = ["Answers", "Known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the cache knows: answers by question, and which of them are due to be asked anew."""

    said: Mapping[str, Said]
    due: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answers:
    """The cached answers of one provider to one tenant; each method is one round trip at most."""

    parts: Parts
    run: RunView
    provider: Provider

    def known(self, questions: Mapping[str, Query], *, force: Force) -> Known:
        """Look questions up, as far as the run's force lets it."""
        policy = self.parts.policies.cache
        if force is Force.RESPONSES or not policy.enabled or not questions:
            return Known(said={})
        hits = self.parts.responses.get_many(self.run.tenant, tuple(questions))
        return self.among(hits, questions, force=force)

    def among(
        self, hits: Mapping[str, CacheHit], questions: Mapping[str, Query], *, force: Force
    ) -> Known:
        """Tell what is known of questions by what was found, as far as the run's force lets it."""
        policy = self.parts.policies.cache
        usable = {
            name: hit
            for name in questions
            if (hit := hits.get(name))
            and not (hit.negative and force is Force.NEGATIVES)
            and (hit.negative or is_fresh(questions[name].wanted, hit.age_s, policy.field_ttl_s))
        }
        said = {name: one for name, hit in usable.items() if (one := _read(hit))}
        due = frozenset(name for name in said if usable[name].refresh)
        return Known(said=said, due=due)

    def in_place_of(self, said: Mapping[str, Said]) -> dict[str, Said]:
        """Put older answers in the place of those that a provider which is down could not give.

        They are marked stale; the failed call and what it cost stay with them. A run that forces
        answers has none of the older ones.
        """
        policy = self.parts.policies.cache
        failed = tuple(name for name, one in said.items() if is_down(one.outcome))
        is_forced = self.run.options.force is Force.RESPONSES
        if not failed or is_forced or not policy.enabled or not policy.stale_ttl_s:
            return dict(said)
        hits = self.parts.responses.get_many(self.run.tenant, failed, stale_ok=True)
        older = {name: one for name, hit in hits.items() if (one := _read(hit))}
        stale = {
            name: replace(
                one,
                cost_microcredits=said[name].cost_microcredits,
                calls=said[name].calls,
                stale=True,
            )
            for name, one in older.items()
            if isinstance(one.outcome, Found)
        }
        return {**said, **stale}

    def keep(self, said: Mapping[str, Said], names: Collection[str]) -> None:
        """Keep those of the answers that say something about the row."""
        entries = {n: entry for n in names if (entry := self._entry(said[n]))}
        if entries and self.parts.policies.cache.enabled:
            self.parts.responses.put_many(self.run.tenant, entries)

    def is_kept(self, said: Said) -> bool:
        """Say whether somebody who waited will find this answer in the cache."""
        return keeping_of(said.outcome, self.provider.spec, self.parts.policies.cache) is not None

    def _entry(self, said: Said) -> CacheEntry | None:
        policy, spec = self.parts.policies.cache, self.provider.spec
        keeping = keeping_of(said.outcome, spec, policy)
        if keeping is None or said.from_cache:
            return None
        # What costs money is never asked for before its time.
        soft_ttl_s = None if keeping.negative or spec.price_microcredits else policy.soft_ttl_s
        payload: Json = {
            "outcome": outcome_to_json(said.outcome),
            "observed_at": said.observed_at.isoformat(),
        }
        return CacheEntry(
            payload=payload,
            ttl_s=keeping.ttl_s,
            negative=keeping.negative,
            reason=keeping.reason,
            soft_ttl_s=soft_ttl_s,
            stale_ttl_s=0.0 if keeping.negative else policy.stale_ttl_s,
            took_s=None if spec.price_microcredits else said.latency_s,
        )


def _read(hit: CacheHit) -> Said | None:
    """Read a cached answer; one that we cannot read is as good as none."""
    payload = hit.payload
    try:
        if not isinstance(payload, dict) or not isinstance(payload["outcome"], dict):
            return None
        return Said(
            outcome=outcome_from_json(payload["outcome"]),
            observed_at=datetime.fromisoformat(str(payload["observed_at"])),
            from_cache=True,
        )
    except (ValueError, KeyError, TypeError):
        return None
