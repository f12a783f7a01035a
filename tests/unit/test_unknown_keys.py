"""A body's key that is not known: the sentence names the nearest, or all that are."""

from typing import Any

import pytest
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from enrich.api.models import ProfileWish, PurgeWish, RunWish
from enrich.api.unknown_keys import UNKNOWN_KEY, unknown_key

PURGE = {"column_key": "email", "value": "a"}
PROFILE = {"candidateId": "c", "payload": {"email": "a@acme.com"}}
RUN = {"table_id": "t"}


def _purge(wish: PurgeWish) -> str:
    return wish.value


def _run(wish: RunWish) -> str:
    return wish.table_id


def _profile(wish: ProfileWish) -> str:
    return wish.__class__.__name__


HANDLERS: dict[type[BaseModel], Any] = {PurgeWish: _purge, RunWish: _run, ProfileWish: _profile}


@pytest.mark.parametrize(
    ("model", "body", "sentence"),
    [
        pytest.param(
            PurgeWish, {**PURGE, "colum_key": 1},
            "there is no key 'colum_key'; did you mean 'column_key'?", id="near",
        ),
        pytest.param(
            PurgeWish, {**PURGE, "xyz": 1},
            "there is no key 'xyz'; known: column_key, table_id, value", id="far",
        ),
        pytest.param(
            ProfileWish, {**PROFILE, "candidate_Id": 1},
            "there is no key 'candidate_Id'; did you mean 'candidateId'?",
            id="alias",
        ),
        pytest.param(
            RunWish, {**RUN, "where": {"stat": []}},
            "there is no key 'stat'; did you mean 'state'?", id="nested",
        ),
        pytest.param(
            PurgeWish, {**PURGE, "x" * 101: 1}, "there is no such key", id="long"
        ),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told_with_those_that_are_known(
    model: type[BaseModel], body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    (error,) = refused.value.errors()
    request = Request({"type": "http", "route": APIRoute("/", HANDLERS[model])})

    assert error["type"] == UNKNOWN_KEY
    assert unknown_key(request, ("body", *error["loc"])) == sentence
