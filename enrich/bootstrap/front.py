"""What the service needs beside the parts of the engine: jobs, vectors and who makes them."""

from typing import TYPE_CHECKING

from enrich.engine.desk import Desk
from enrich.engine.parts import Parts
from enrich.settings import Settings
from enrich.store.jobs import PostgresJobs
from enrich.store.vectors import PostgresVectors
from providers.credentials import KeptCredentials
from providers.embedding.late import LateEmbedders

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["desk_of", "embedders_of"]


def desk_of(own: Settings, parts: Parts, database: "Engine", embedders: LateEmbedders) -> Desk:
    """Join jobs and vectors to the parts of a process."""
    return Desk(
        parts=parts,
        jobs=PostgresJobs(database),
        vectors=PostgresVectors(database),
        embedders=embedders,
        policy=own.jobs.policy(own.embeddings),
    )


def embedders_of(own: Settings, parts: Parts, credentials: KeptCredentials) -> LateEmbedders:
    """Give who embeds text; the caller closes it."""
    return LateEmbedders(
        wanted=own.embeddings.model,
        url=own.embeddings.url,
        credentials=credentials,
        breakers=parts.breakers,
        clock=parts.clock,
        batch_texts=own.embeddings.batch_texts,
        timeout_s=own.embeddings.timeout_seconds,
    )
