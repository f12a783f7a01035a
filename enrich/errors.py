"""The errors of enrich, drawn as one tree.

    EnrichError
    ├── UsageError                  what was asked cannot be done as asked (exit code 2)
    │   ├── SettingsError           a setting is unknown or has a wrong value
    │   ├── BadInputError           a value in a request, a file or a message is wrong
    │   │   └── BadFileError        … at a line of a file
    │   ├── RefusedError            a worker said so of a request that a client had sent
    │   ├── SealedError             a stored key cannot be sealed or opened
    │   └── UnknownNameError        no table, row, column, provider or run of this name
    ├── DependencyError             something that we need is down (exit code 3)
    │   ├── DatabaseDownError
    │   ├── BrokerDownError
    │   │   └── PartlySentError     … between requests that a client sent together
    │   ├── NoAnswerError           no worker answered a client in time
    │   ├── EmbedderDownError       the embedding model does not answer
    │   ├── VectorsMissingError     the database has no extension for vectors
    │   └── EmbeddedServerError     a server of ours did not start
    └── RunFailedError              the run ended, but not well (exit code 1)

Each class builds its sentence from its fields and keeps them. A message names the field, what is
wrong with its value, and the way out; it never holds a password or the value of a cell.
"""

from difflib import get_close_matches
from typing import Any

__all__ = [
    "BadFileError",
    "BadInputError",
    "BrokerDownError",
    "DatabaseDownError",
    "DependencyError",
    "EmbeddedServerError",
    "EmbedderDownError",
    "EnrichError",
    "NoAnswerError",
    "PartlySentError",
    "RefusedError",
    "RunFailedError",
    "SealedError",
    "SettingsError",
    "UnknownNameError",
    "UsageError",
    "VectorsMissingError",
]


class EnrichError(Exception):
    """The root: catch it to catch all that enrich raises on purpose."""

    exit_code = 1


class UsageError(EnrichError):
    """What was asked cannot be done as asked; asking again the same way will not help."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown or has a wrong value."""

    def __init__(self, name: str, problem: str, *, hint: str = "") -> None:
        super().__init__(_sentence(f"setting {name}: {problem}", hint))
        self.name, self.problem, self.hint = name, problem, hint


class BadInputError(UsageError):
    """A value in a request is wrong: `field` says which, `hint` the way out."""

    def __init__(self, field: str, problem: str, *, hint: str = "") -> None:
        super().__init__(_sentence(f"{field}: {problem}", hint))
        self.field, self.problem, self.hint = field, problem, hint


class BadFileError(BadInputError):
    """A file cannot be read as what it should be; `line` counts from 1, 0 is the whole file."""

    def __init__(self, path: str, problem: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(f"{path}, line {line}" if line else path, problem, hint=hint)
        self.path, self.line = path, line


class SealedError(UsageError):
    """A stored key cannot be sealed or opened; says whose, never what it is."""

    def __init__(self, whose: str, problem: str, *, hint: str = "") -> None:
        super().__init__(_sentence(f"credential {whose}: {problem}", hint))
        self.whose, self.problem, self.hint = whose, problem, hint


class UnknownNameError(UsageError):
    """Nothing of this kind has this name; the nearest known name is offered, and a `way_out`."""

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        known: tuple[str, ...] = (),
        within: str = "",
        way_out: str = "",
    ) -> None:
        near = _spelt_like(name, known) or get_close_matches(name, known, n=1)
        near = near or _beginning_with(name, known)
        if near:
            hint = f"did you mean {' or '.join(map(repr, near))}?"
        elif known:
            hint = f"known: {', '.join(sorted(known)[:12])}{', …' if len(known) > 12 else ''}"
        else:
            hint = ""
        where = f" in {within}" if within else ""
        hints = "; ".join(filter(None, (hint, way_out)))
        super().__init__(_sentence(f"there is no {kind} {name!r}{where}", hints))
        self.kind, self.name, self.known = kind, name, known


class RefusedError(UsageError):
    """A worker refused a request of a client; the sentence is the worker's."""


class DependencyError(EnrichError):
    """Something that we need is down; the same request may succeed later."""

    exit_code = 3


class DatabaseDownError(DependencyError):
    """PostgreSQL does not answer. Nothing was written; the task is delivered again."""


class BrokerDownError(DependencyError):
    """Redis or Valkey does not answer as a broker; what was committed is sent by the sweep."""


class PartlySentError(BrokerDownError):
    """The broker went away between requests that a client sent together.

    `taken` are the replies to those that it has, `unsure` to those of which nobody knows, both in
    the order of the requests; what comes after them was not sent.
    """

    def __init__(
        self, sentence: str, *, taken: tuple[Any, ...] = (), unsure: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.taken, self.unsure = taken, unsure


class NoAnswerError(DependencyError):
    """Nobody answered in time; `is_taken` says whether a worker has the task `task_id`."""

    def __init__(self, sentence: str, *, task_id: str, is_taken: bool) -> None:
        super().__init__(sentence)
        self.task_id, self.is_taken = task_id, is_taken


class EmbedderDownError(DependencyError):
    """The embedding model does not answer, or not as agreed; rows are embedded later."""


class VectorsMissingError(DependencyError):
    """The database has no extension `vector`, or has lost vectors: nothing is found by meaning."""

    def __init__(self, problem: str = "") -> None:
        super().__init__(
            problem
            or "the database lacks the extension `vector` (pgvector); install it and run "
            "`CREATE EXTENSION vector` as its owner, then `enrich embed repair`"
        )


class EmbeddedServerError(DependencyError):
    """An embedded server did not start; the message says where its log lies."""


class RunFailedError(EnrichError):
    """A run ended without doing its work, for example because it was cancelled."""


def _spelt_like(name: str, known: tuple[str, ...]) -> list[str]:
    """Give the name that differs in capital letters only."""
    return [each for each in known if each.casefold() == name.casefold()][:1]


def _beginning_with(name: str, known: tuple[str, ...]) -> list[str]:
    """Give the first few that go on where the name ends."""
    return sorted(each for each in known if name and each.startswith(name))[:3]


def _sentence(claim: str, hint: str) -> str:
    return f"{claim}; {hint}" if hint else claim
