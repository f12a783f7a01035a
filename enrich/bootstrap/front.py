"""What the service needs beside the parts of the engine: jobs, vectors, webhooks."""

from typing import TYPE_CHECKING

from enrich.bootstrap.sources import sealer_of
from enrich.engine.desk import Desk
from enrich.engine.parts import Parts
from enrich.settings import Settings
from enrich.store.erasure import PostgresErasure
from enrich.store.jobs import PostgresJobs
from enrich.store.vectors import PostgresVectors
from enrich.store.webhooks import PostgresWebhooks
from providers.credentials import KeptCredentials
from providers.embedding.late import LateEmbedders
from providers.late_messenger import LateMessenger

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["desk_of", "embedders_of", "messenger_of"]


def desk_of(
    own: Settings,
    parts: Parts,
    database: "Engine",
    embedders: LateEmbedders,
    messenger: LateMessenger,
    *,
    holder: str,
) -> Desk:
    """Join jobs, vectors and webhooks to the parts of a process; `holder` names it."""
    return Desk(
        parts=parts,
        jobs=PostgresJobs(database, holder=holder),
        vectors=PostgresVectors(database),
        embedders=embedders,
        webhooks=PostgresWebhooks(database, sealer_of(own)),
        messenger=messenger,
        erasure=PostgresErasure(database),
        policy=own.jobs.policy(own.embeddings, own.webhooks),
    )


def embedders_of(own: Settings, parts: Parts, credentials: KeptCredentials) -> LateEmbedders:
    """Give who embeds text; the caller closes it."""
    return LateEmbedders(
        wanted=own.embeddings.model,
        url=own.embeddings.url,
        previous_url=own.embeddings.previous_url,
        credentials=credentials,
        breakers=parts.breakers,
        clock=parts.clock,
        batch_texts=own.embeddings.batch_texts,
        timeout_s=own.embeddings.timeout_seconds,
    )


def messenger_of(own: Settings, parts: Parts) -> LateMessenger:
    """Give who carries messages to webhooks; the caller closes it."""
    wish = own.webhooks.loopback
    may_loop = own.database_url is None if wish is None else wish
    return LateMessenger(clock=parts.clock, may_loop=may_loop and not own.production)
