"""The provider of one column with a prompt: a call for each row, an outcome for each reply."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enrich.domain.outcome import Malformed, Skipped
from enrich.domain.provider import Answer, ProviderSpec, Query
from enrich.domain.values import Json
from enrich.ports.outside import Deadline
from providers.exchange import HttpCall, NotJsonError, Reply, parse_json
from providers.keyed import KeyedCalls, free
from providers.llm.messages import Task, body_of
from providers.llm.reading import Reading, Usage, outcome_of, usage_of
from providers.spec.file import HttpSpec
from providers.spec.reading import Asked, answered
from providers.spec.reading import outcome_of as outcome_by_file

__all__ = ["ColumnProvider"]

_FINE = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProvider:
    """Asks a model for the cells of one column.

    `name_of` gives for each field that it is sent the name of its column in the prompt;
    `max_microcredits` is what a cell may cost.
    """

    spec: ProviderSpec
    http: HttpSpec
    calls: KeyedCalls
    task: Task
    reading: Reading
    name_of: Mapping[str, str]
    max_microcredits: int | None = None

    def credential_id(self, tenant: str) -> str:
        """Name the keys that a tenant is asked with; empty when there are none."""
        return self.calls.credential_id(tenant)

    def key_count(self, tenant: str) -> int:
        """Say by how many keys a tenant's calls are made by turns."""
        return self.calls.key_count(tenant)

    def ask(self, queries: Sequence[Query], deadline: Deadline) -> Sequence[Answer]:
        """Ask about rows, one call each; the engine sees to it that several are under way."""
        return [self._asked(query, deadline) for query in queries]

    def _asked(self, query: Query, deadline: Deadline) -> Answer:
        most = self.spec.most_for(query.inputs)
        if self.max_microcredits is not None and most > self.max_microcredits:
            return free(Skipped("may cost more than the column allows"))
        data = {self.name_of[field]: value for field, value in query.inputs.items()}
        call = HttpCall(
            method="POST",
            url=f"{self.http.base_url}/chat/completions",
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            # A word of its own for each call: whoever wrote a cell cannot know it.
            body=body_of(self.task, data, word=secrets.token_hex(16)),
        )
        (answer,) = self.calls.make(
            call,
            lambda reply: [self._read(reply, data, most)],
            tenant=query.tenant,
            deadline=deadline,
        )
        return answer

    def _read(self, reply: Reply, data: Mapping[str, Json], most: int) -> Answer:
        if reply.status not in _FINE:
            said = answered(self.http, reply)
            return Answer(outcome=outcome_by_file(said, Asked({})), cost_microcredits=0)
        try:
            document = parse_json(reply.body)
        except NotJsonError as exc:
            return Answer(outcome=Malformed(f"the reply is {exc}"), cost_microcredits=most)
        sources = {name: data[name] for name in self.task.sources if name in data}
        outcome = outcome_of(self.reading, document, sources)
        return Answer(outcome=outcome, cost_microcredits=self._cost(usage_of(document), most))

    def _cost(self, usage: Usage | None, most: int) -> int:
        """Price a reply; one that does not say what it took, with the most that it can be."""
        if usage is None or self.spec.tokens is None:
            return most
        return self.spec.tokens.cost(read=usage.read, written=usage.written)
