"""Settings: names, defaults, ranges, and errors that help."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from enrich.domain.policy import (
    BreakerPolicy,
    CachePolicy,
    FusionMethod,
    FusionPolicy,
    ProbePolicy,
    RunPolicy,
    SingleflightPolicy,
)
from enrich.errors import SettingsError
from enrich.settings import Settings, load_settings
from enrich.settings.environment import variables

PASSWORD = "correct-horse"
DATABASE = f"postgresql://user:{PASSWORD}@db.example:5432/enrich"
REDIS = f"redis://:{PASSWORD}@redis.example:6379/0"
BROKER = f"redis://:{PASSWORD}@redis.example:6379/1"


def refusal(**env: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(env)
    return caught.value


def test_defaults_are_those_of_the_policies() -> None:
    settings = load_settings({})

    assert settings.cache.policy() == CachePolicy()
    assert settings.singleflight.policy() == SingleflightPolicy()
    assert settings.probes.policy() == ProbePolicy()
    assert settings.fusion.policy() == FusionPolicy()
    assert settings.breaker.policy() == BreakerPolicy()
    assert settings.runs.policy() == RunPolicy()


@pytest.mark.parametrize(
    ("name", "value", "group", "field", "expected"),
    [
        ("ENRICH_CACHE__DEFAULT_TTL_SECONDS", "60", "cache", "default_ttl_s", 60),
        ("ENRICH_CACHE__NEGATIVE_TTL_SECONDS", "0", "cache", "negative_ttl_s", 0),
        ("ENRICH_CACHE__RESPONSE_TTL_SECONDS", "2147483648", "cache", "response_ttl_s", 2**31),
        ("ENRICH_CACHE__VERSION", "2", "cache", "version", 2),
        ("ENRICH_CACHE__MAX_MEMORY_ENTRIES", "5", "cache", "max_memory_entries", 5),
        ("ENRICH_SINGLEFLIGHT__TIMEOUT_SECONDS", "2.5", "singleflight", "timeout_s", 2.5),
        ("ENRICH_PROBES__MAX_CONCURRENT", "9", "probes", "max_concurrent", 9),
        ("ENRICH_PROBES__TIMEOUT_SECONDS", "4", "probes", "timeout_s", 4.0),
        ("ENRICH_FUSION__ENABLED", "TRUE", "fusion", "method", FusionMethod.ENSEMBLE),
        ("ENRICH_FUSION__METHOD", "learned", "fusion", "method", FusionMethod.LEARNED),
        ("ENRICH_FUSION__AGREEMENT_THRESHOLD", "0.5", "fusion", "agreement_threshold", 0.5),
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "6", "breaker", "failure_threshold", 6),
        ("ENRICH_BREAKER__RESET_TIMEOUT_SECONDS", "0", "breaker", "reset_s", 0.0),
        ("ENRICH_BREAKER__SUCCESS_THRESHOLD", "1", "breaker", "success_threshold", 1),
        ("ENRICH_BREAKER__WINDOW_SECONDS", "1", "breaker", "window_s", 1),
        ("ENRICH_BREAKER__MINIMUM_REQUESTS", "1", "breaker", "minimum_requests", 1),
        ("ENRICH_BREAKER__FAILURE_RATE", "0.4", "breaker", "failure_rate", 0.4),
        ("ENRICH_RUNS__BATCH_ROWS", "50", "runs", "batch_rows", 50),
    ],
)
def test_variable_reaches_its_policy(
    name: str, value: str, group: str, field: str, expected: object
) -> None:
    settings = load_settings({name: value})

    assert getattr(getattr(settings, group).policy(), field) == expected


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ENRICH_CACHE__DEFAULT_TTL", "ENRICH_CACHE__DEFAULT_TTL_SECONDS"),
        ("ENRICH_CACHE_VERSION", "ENRICH_CACHE__VERSION"),
        ("enrich_cache__version", "ENRICH_CACHE__VERSION"),
        ("ENRICH_BREAKERS__FAILURE_THRESHOLD", "ENRICH_BREAKER__FAILURE_THRESHOLD"),
        ("ENRICH_HOEM", "ENRICH_HOME"),
    ],
)
def test_k01_unknown_name_is_refused_and_the_nearest_offered(name: str, nearest: str) -> None:
    error = refusal(**{name: "1"})

    assert error.name == name
    assert nearest in str(error)


def test_variables_of_others_are_left_alone() -> None:
    assert load_settings({"PATH": "/bin", "ENRICHMENT": "1"}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "0"),
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "5.5"),
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "-5"),
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "null"),
        ("ENRICH_BREAKER__FAILURE_THRESHOLD", "five"),
        ("ENRICH_BREAKER__MINIMUM_REQUESTS", "0"),
        ("ENRICH_BREAKER__SUCCESS_THRESHOLD", "0"),
        ("ENRICH_BREAKER__WINDOW_SECONDS", "0.5"),
        ("ENRICH_BREAKER__WINDOW_SECONDS", "0"),
        ("ENRICH_BREAKER__RESET_TIMEOUT_SECONDS", "-1"),
        ("ENRICH_BREAKER__RESET_TIMEOUT_SECONDS", "inf"),
        ("ENRICH_BREAKER__FAILURE_RATE", "1.1"),
        ("ENRICH_CACHE__DEFAULT_TTL_SECONDS", "-1"),
        ("ENRICH_CACHE__NEGATIVE_TTL_SECONDS", "2147483649"),
        ("ENRICH_CACHE__VERSION", "0"),
        ("ENRICH_PROBES__TIMEOUT_SECONDS", "nan"),
        ("ENRICH_PROBES__MAX_CONCURRENT", "0"),
        ("ENRICH_FUSION__ENABLED", "yes"),
        ("ENRICH_FUSION__ENABLED", "2"),
        ("ENRICH_FUSION__AGREEMENT_THRESHOLD", "1.5"),
        ("ENRICH_RUNS__BATCH_ROWS", "0"),
        ("ENRICH_LOG__LEVEL", "chatty"),
    ],
)
def test_k02_b02_c07_wrong_value_is_refused_by_name_and_value(name: str, value: str) -> None:
    error = refusal(**{name: value})

    assert error.name == name
    assert f"not '{value}'" in error.problem
    assert error.hint.startswith("unset it")
    assert error.__context__ is None, "a traceback of pydantic would follow"


def test_variable_that_is_set_to_nothing_counts_as_unset() -> None:
    empty = dict.fromkeys(variables(Settings), "")

    assert load_settings(empty) == load_settings({})


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"ENRICH_SINGLEFLIGHT__LEASE_SECONDS": "9"}, "ENRICH_SINGLEFLIGHT__LEASE_SECONDS"),
        ({"ENRICH_PROBES__TIMEOUT_SECONDS": "16"}, "ENRICH_SINGLEFLIGHT__LEASE_SECONDS"),
        ({"ENRICH_BREAKER__PERMIT_SECONDS": "9"}, "ENRICH_BREAKER__PERMIT_SECONDS"),
        ({"ENRICH_RUNS__LEASE_SECONDS": "9"}, "ENRICH_RUNS__LEASE_SECONDS"),
    ],
)
def test_k04_lease_shorter_than_a_probe_is_refused(env: dict[str, str], name: str) -> None:
    assert refusal(**env).name == name


def test_k05_broker_and_cache_on_one_database_is_a_warning() -> None:
    shared = load_settings({"REDIS_URL": REDIS})
    apart = load_settings({"REDIS_URL": REDIS, "ENRICH_BROKER__URL": BROKER})

    assert len(shared.warnings()) == 1
    assert apart.warnings() == ()


def test_k05_broker_and_cache_on_one_database_is_refused_in_production() -> None:
    error = refusal(ENRICH_PRODUCTION="true", DATABASE_URL=DATABASE, REDIS_URL=REDIS)

    assert error.name == "ENRICH_BROKER__URL"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_k06_embedded_servers_are_refused_in_production(missing: str) -> None:
    env = {"DATABASE_URL": DATABASE, "REDIS_URL": REDIS, "ENRICH_PRODUCTION": "1"}

    assert refusal(**(env | {missing: ""})).name == missing


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "ENRICH_BROKER__URL"])
@pytest.mark.parametrize(
    "value",
    [
        PASSWORD,
        f"mysql://u:{PASSWORD}@h/d",
        f"://{PASSWORD}@h",
        f"redis://:{PASSWORD}@[::1",
        f"postgresql://u:{PASSWORD}@h:port/d",
        f"{PASSWORD}:x",
        "postgresql://",
        "redis://",
    ],
    ids=["bare", "other-kind", "no-scheme", "bracket", "port", "scheme", "empty-pg", "empty-redis"],
)
def test_k07_malformed_address_is_refused_without_showing_it(name: str, value: str) -> None:
    error = refusal(**{name: value})

    assert error.name == name
    assert PASSWORD not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_tls_without_a_certificate_is_refused() -> None:
    assert "ssl_cert_reqs" in refusal(REDIS_URL="rediss://h/0").hint
    assert load_settings({"REDIS_URL": "rediss://h/0?ssl_cert_reqs=required"}).redis_url


def test_password_is_never_shown() -> None:
    settings = load_settings(
        {"DATABASE_URL": DATABASE, "REDIS_URL": REDIS, "ENRICH_BROKER__URL": BROKER}
    )

    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.secrets() == (PASSWORD,)


def test_encoded_password_is_hidden_in_both_forms() -> None:
    settings = load_settings({"DATABASE_URL": "postgresql://u:a%40b@h/d"})

    assert settings.secrets() == ("a%40b", "a@b")


def test_keys_have_free_names_and_are_never_shown() -> None:
    settings = load_settings(
        {
            "ENRICH_CREDENTIALS__ACME": f"{PASSWORD} second-key",
            "ENRICH_CREDENTIALS__ACME__GLEN": "x",
        }
    )

    assert settings.credentials.keys() == {"acme", "acme__glen"}
    assert settings.credentials["acme"].get_secret_value() == f"{PASSWORD} second-key"
    assert PASSWORD not in f"{settings!r} {settings.model_dump_json()}"
    assert set(settings.secrets()) >= {PASSWORD, "second-key"}


@pytest.mark.parametrize(
    "name",
    [
        "ENRICH_CREDENTIALS",
        "ENRICH_CREDENTIALS__",
        "ENRICH_CREDENTIALS__A___B",
        "ENRICH_CREDENTIALS__A-B",
        "ENRICH_CREDENTIAL__ACME",
        "enrich_credentials__acme",
    ],
)
def test_k01_a_name_of_a_key_that_cannot_be_one_is_refused(name: str) -> None:
    assert refusal(**{name: "x"}).name == name


def test_no_provider_is_asked_over_the_network_by_default() -> None:
    assert load_settings({}).providers.catalogue is False


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings({}).production = True  # type: ignore[misc]


def test_reading_settings_needs_neither_celery_nor_a_database_driver() -> None:
    code = (
        "import sys, enrich.settings; "
        "sys.exit(bool({'celery', 'kombu', 'sqlalchemy', 'redis'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
