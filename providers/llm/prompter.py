"""From columns with a prompt to their providers: all share one server, its limits and its keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from enrich.domain.answer_form import ANSWERS
from enrich.domain.fields import FIELDS, FieldType
from enrich.domain.keys import digest
from enrich.domain.prompt import Prompt, holes_of
from enrich.domain.provider import Charge, ProviderSpec, Tier
from enrich.domain.table import Column
from enrich.domain.tokens import TokenPrice
from enrich.domain.values import JsonObject
from enrich.errors import BadInputError
from enrich.ports.outside import Provider
from providers.keyed import KeyedCalls
from providers.llm.column import ColumnProvider
from providers.llm.evidence import STATED
from providers.llm.messages import Task, body_of, fixed_bytes
from providers.llm.reading import Reading
from providers.llm.terms import ModelTerms
from providers.spec.file import HttpSpec

__all__ = ["ColumnPrompter"]

#: What a row usually adds to a question, in tokens; only estimates and the order of equals use it.
_USUAL_READ, _USUAL_WRITTEN = 200, 60
_BYTES_A_TOKEN = 4


class ColumnPrompter:
    """Makes the providers of columns with a prompt, all of one server."""

    def __init__(self, http: HttpSpec, terms: ModelTerms, calls: KeyedCalls) -> None:
        """`http` says where the server is, its limits, and what its statuses mean."""
        self._http, self._terms, self._calls = http, terms, calls

    def providers(self, columns: Sequence[Column]) -> Mapping[str, Provider]:
        """Give a provider for each column with a prompt whose columns are there."""
        made: dict[str, Provider] = {}
        for column in columns:
            provider = self._provider(column, column.prompt, columns) if column.prompt else None
            if provider is not None:
                made[provider.spec.name] = provider
        return made

    def _provider(
        self, column: Column, prompt: Prompt, columns: Sequence[Column]
    ) -> ColumnProvider | None:
        field_of = {each.key: each.field for each in columns}
        try:
            needed = {hole.key: hole.is_needed for hole in holes_of(prompt.text)}
        except BadInputError:
            return None
        if not needed or not set(prompt.sources) <= needed.keys() <= field_of.keys():
            return None
        task = self._task(prompt, needed, field_of)
        return ColumnProvider(
            spec=self._spec(column, task, {field_of[k]: v for k, v in sorted(needed.items())}),
            http=self._http,
            calls=self._calls,
            task=task,
            reading=Reading(
                field=column.field,
                schema=task.schema,
                may_link=_may_link(column, task.schema),
                unsupported=self._terms.unsupported,
            ),
            name_of={field_of[key]: name for key, name in task.names.items()},
            max_microcredits=prompt.max_cost_microcredits,
        )

    def _task(
        self, prompt: Prompt, needed: Mapping[str, bool], field_of: Mapping[str, str]
    ) -> Task:
        # Two columns of one field are one input, and so have one name.
        first: dict[str, str] = {}
        for key in needed:
            first.setdefault(field_of[key], key)
        schema: JsonObject = json.loads(prompt.schema)
        return Task(
            prompt=prompt.text,
            schema=schema,
            names={key: first[field_of[key]] for key in needed},
            sources=tuple(dict.fromkeys(first[field_of[key]] for key in prompt.sources)),
            model=prompt.model or self._terms.model,
            max_tokens=self._terms.max_tokens,
            format=self._terms.format,
        )

    def _spec(self, column: Column, task: Task, needs: Mapping[str, bool]) -> ProviderSpec:
        base, price = self._http.provider_spec, self._price(task)
        needed = frozenset(field for field, is_needed in needs.items() if is_needed)
        inputs = (needed,) if needed else tuple(frozenset({field}) for field in needs)
        is_free = not (price.read_microcredits or price.written_microcredits)
        usual_read = price.prompt_bytes // _BYTES_A_TOKEN + _USUAL_READ
        return replace(
            base,
            name=f"{base.name}:{column.key}",
            version=self._version(task),
            tier=Tier.FREE if is_free else Tier.CHEAP,
            gives={column.field: STATED},
            inputs=inputs,
            optional_inputs=frozenset(needs) - needed,
            price_microcredits=price.cost(read=usual_read, written=_USUAL_WRITTEN),
            charge=Charge.ON_CALL,
            family=base.name,
            account=base.name,
            tokens=price,
            bulk_size=1,
        )

    def _price(self, task: Task) -> TokenPrice:
        return TokenPrice(
            read_microcredits=self._terms.read_microcredits,
            written_microcredits=self._terms.written_microcredits,
            # The names of the columns stand in the data too.
            prompt_bytes=fixed_bytes(task) + sum(4 + len(name.encode()) for name in task.names),
            written_max=task.max_tokens,
        )

    def _version(self, task: Task) -> str:
        """Name all that is sent beside the row: another prompt or model is another question."""
        sent = body_of(task, {}, word="").decode()
        return digest((self._http.base_url, self._http.version, sent, *task.sources))[:16]


def _may_link(column: Column, schema: JsonObject) -> bool:
    field = FIELDS.get(column.field)
    is_url = field is not None and field.type is FieldType.URL
    return is_url or schema in (ANSWERS["url"], {"type": "string", "format": "uri"})
