"""Read sets of claims and of crowds' answers, as files lay them out."""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from enrich.domain.ballots import key_of_value, votes_of
from enrich.domain.fusion import Vote
from enrich.domain.outcome import Found
from enrich.domain.reading import context_of
from enrich.domain.run import Response
from enrich.domain.table import Column
from enrich.domain.values import Json, Observation

__all__ = ["Cell", "claims_of", "crowd_of", "flight_cells", "response", "vote"]

_AT = datetime(2026, 1, 1, tzinfo=UTC)
#: Whoever made the right values says nothing about how well they were found.
_MAKERS = frozenset({"aa", "ua", "co"})
_CLOSE_MINUTES = 10
_TIME = re.compile(r"(\d{1,2}):(\d{2})\s*([ap])?", re.IGNORECASE)
_WEEKDAY = re.compile(r"\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-(\d{1,2})-(\d{1,2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/\d{2,4}")
_DAY_FIRST = re.compile(r"(\d{1,2})-([a-z]{3})-\d{4}", re.IGNORECASE)
_MONTH_FIRST = re.compile(r"([a-z]{3})[a-z]*\.?\s*(\d{1,2})(?!:)", re.IGNORECASE)
_MONTHS = {date(2000, number, 1).strftime("%b").lower(): number for number in range(1, 13)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: what was said about it, and the keys among that which are right."""

    name: str
    field: str
    votes: tuple[Vote, ...]
    right: frozenset[str]


def vote(provider: str, value: str, key: str, confidence: float = 0.8) -> Vote:
    """Build a vote of a provider that is of no family."""
    return Vote(
        provider=provider, family=provider, rank=0, value=value, confidence=confidence,
        observed_at=_AT, key=key,
    )  # fmt: skip


def _rows(path: Path) -> Iterator[Mapping[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:  # type: ignore[operator] # alike
        yield from csv.DictReader(lines)


def crowd_of(folder: Path) -> list[Cell]:
    """Read answers of a crowd to items whose truth is known."""
    truth = {row["item"]: row["truth"] for row in _rows(folder / "truth.csv")}
    said: dict[str, list[Vote]] = {}
    for row in _rows(folder / "label.csv.gz"):
        label = row["label"]
        said.setdefault(row["item"], []).append(vote(row["worker"], label, f"={label}"))
    return [
        Cell(name=item, field="label", votes=tuple(votes), right=frozenset({f"={truth[item]}"}))
        for item, votes in sorted(said.items())
        if item in truth
    ]


def claims_of(folder: Path, fields: Mapping[str, str]) -> list[Cell]:
    """Read claims and right values; `fields` gives the vocabulary's name of an attribute."""
    gold = {(r["object"], r["attribute"]): r["value"] for r in _rows(folder / "gold.csv")}
    claims: dict[tuple[str, str], list[Response]] = {}
    for row in _rows(folder / "claims.csv.gz"):
        field = fields.get(row["attribute"], row["attribute"])
        answer = response(row["source"], field, row["value"])
        claims.setdefault((row["object"], row["attribute"]), []).append(answer)
    cells = []
    for (thing, attribute), said in sorted(claims.items()):
        field = fields.get(attribute, attribute)
        context = context_of(field, said)
        votes = votes_of(Column(key=field, field=field), said, {}, context)
        if votes and (thing, attribute) in gold:
            right = frozenset({key_of_value(field, gold[thing, attribute], context)})
            cells.append(Cell(name=thing, field=field, votes=votes, right=right))
    return cells


def response(provider: str, field: str, value: Json, confidence: float = 0.8) -> Response:
    """Build what the ledger holds when a provider gave a value."""
    return Response(
        row=1,
        provider=provider,
        provider_version="1",
        input_key=provider,
        outcome=Found({field: Observation(value=value, confidence=confidence)}),
        observed_at=_AT,
    )


def flight_cells(folder: Path) -> list[Cell]:
    """Read claims about flights; a time is right within ten minutes, a gate when it is equal."""
    gold: dict[tuple[str, str], str] = {}
    for row in _rows(folder / "gold.csv"):
        gold[row["object"], row["attribute"]] = _flight_key(row)
    said: dict[tuple[str, str], list[Vote]] = {}
    for row in _rows(folder / "claims.csv.gz"):
        key = _flight_key(row)
        if key and row["source"].lower() not in _MAKERS:
            name = row["object"], row["attribute"]
            said.setdefault(name, []).append(vote(row["source"], row["value"], key))
    return [
        Cell(
            name=thing,
            field=attribute,
            votes=tuple(said[thing, attribute]),
            right=_right_keys(said[thing, attribute], key),
        )
        for (thing, attribute), key in sorted(gold.items())
        if key and (thing, attribute) in said
    ]


def _right_keys(votes: Sequence[Vote], gold: str) -> frozenset[str]:
    if not gold.startswith("m"):
        return frozenset({gold})
    return frozenset(
        v.key
        for v in votes
        if v.key.startswith("m") and abs(int(v.key[1:]) - int(gold[1:])) <= _CLOSE_MINUTES
    )


def _flight_key(row: Mapping[str, str]) -> str:
    """Give a gate as it is, or a moment in minutes from the flight's day: «m815»; "" for none."""
    if row["attribute"].endswith("gate"):
        return _gate(row["value"].upper().strip())
    return _moment(row["value"], row["object"][:8])


def _gate(text: str) -> str:
    if text.startswith("NOT ") or text in {"TBA", "TBD"}:
        return ""
    if " - " in text:
        text = text.rsplit(" - ", 1)[1]
    elif text.startswith("TERM"):
        return ""
    return re.sub(r"[^A-Z0-9]", "", text.split("/")[0])


def _moment(text: str, day: str) -> str:
    found = _TIME.search(text)
    if found is None:
        return ""
    hour, minute = int(found[1]), int(found[2])
    if found[3]:
        hour = hour % 12 + (12 if found[3].lower() == "p" else 0)
    base = datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007 - local to the airport
    days = (_date(text, base) - base).days
    return f"m{days * 1440 + hour * 60 + minute}"


def _date(text: str, base: date) -> date:
    for pattern in (_ISO, _SLASHED):
        if found := pattern.search(text):
            return date(base.year, int(found[1]), int(found[2]))
    if found := _DAY_FIRST.search(text):
        return date(base.year, _MONTHS[found[2].lower()], int(found[1]))
    found = _MONTH_FIRST.search(_WEEKDAY.sub("", text))
    if found and found[1].lower() in _MONTHS:
        return date(base.year, _MONTHS[found[1].lower()], int(found[2]))
    return base
