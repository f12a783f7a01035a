"""The one table from the driver's errors to ours."""

import inspect

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from enrich.errors import BadInputError, DatabaseDownError, EnrichError
from enrich.store.engine import make_engine, translated


def _errors_of(module: object) -> set[type[psycopg2.Error]]:
    found = {cls for _, cls in inspect.getmembers(module, inspect.isclass)}
    return {cls for cls in found if issubclass(cls, psycopg2.Error)}


DRIVER_ERRORS = sorted(
    _errors_of(psycopg2) | _errors_of(psycopg2.errors) | _errors_of(psycopg2.extensions),
    key=lambda cls: cls.__name__,
)


@pytest.mark.parametrize("error", DRIVER_ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_of_the_driver_becomes_one_of_ours_and_stays_its_cause(
    error: type[psycopg2.Error],
) -> None:
    original = error("Failing row contains (secret).")
    wrapped = DBAPIError("SELECT 1", {}, original)

    with pytest.raises(EnrichError) as caught, translated():
        raise wrapped

    assert caught.value.__cause__ is wrapped


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg2.errors.InvalidTextRepresentation, BadInputError),
        (psycopg2.errors.CheckViolation, BadInputError),
        (psycopg2.errors.AdminShutdown, DatabaseDownError),
        (psycopg2.errors.DiskFull, DatabaseDownError),
        (psycopg2.errors.DeadlockDetected, DatabaseDownError),
        (psycopg2.errors.LockNotAvailable, DatabaseDownError),
        (psycopg2.errors.QueryCanceled, DatabaseDownError),
        (psycopg2.errors.UndefinedTable, DatabaseDownError),
        (psycopg2.InterfaceError, DatabaseDownError),
    ],
    ids=lambda cls: cls.__name__,
)
def test_a_wrong_value_is_the_callers_fault_and_all_else_may_pass(
    error: type[psycopg2.Error], ours: type[EnrichError]
) -> None:
    with pytest.raises(ours), translated():
        raise error("x")


def test_an_error_about_a_value_does_not_repeat_it() -> None:
    with pytest.raises(BadInputError) as caught, translated():
        raise psycopg2.errors.CheckViolation("Failing row contains (secret).")

    assert "secret" not in str(caught.value)


def test_a_pool_without_a_free_connection_is_a_database_that_is_down() -> None:
    with pytest.raises(DatabaseDownError, match="became free in time"), translated():
        raise PoolTimeoutError


def test_an_error_of_our_own_passes_unchanged() -> None:
    error = BadInputError("field", "is wrong")

    with pytest.raises(BadInputError) as caught, translated():
        raise error

    assert caught.value is error


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_an_engine_is_made_for_every_common_form_of_the_address(scheme: str) -> None:
    engine = make_engine(f"{scheme}://u:p@h:1/d")

    assert engine.url.drivername == "postgresql+psycopg2"
