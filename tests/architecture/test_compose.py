"""docker-compose.yml keeps what S16 and S24 promise: no docker is needed to read it."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"] == "jaxbroker"}

#: IB Gateway writes into its own program folder; nothing of ours may.
WRITABLE = {"ib-gateway"}
ONE_SHOT = {"migrate"}

TEXTS = {"type": "array", "items": {"type": "string"}}
WORDS = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}
#: The part of the Compose specification that we use, so that a misspelt key is found.
SERVICE_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "networks", "healthcheck", "deploy", "cap_drop", "security_opt"],
    "properties": {
        "build": {"type": "string"},
        "cap_drop": TEXTS,
        "command": TEXTS,
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "additionalProperties": False,
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "deploy": {
            "type": "object",
            "required": ["resources"],
            "additionalProperties": False,
            "properties": {
                "resources": {
                    "type": "object",
                    "required": ["limits"],
                    "additionalProperties": False,
                    "properties": {
                        "limits": {
                            "type": "object",
                            "required": ["cpus", "memory", "pids"],
                            "additionalProperties": False,
                            "properties": {
                                "cpus": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
                                "memory": {"type": "string", "pattern": r"^\d+[mg]$"},
                                "pids": {"type": "integer"},
                            },
                        }
                    },
                }
            },
        },
        "env_file": TEXTS,
        "environment": WORDS,
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "disable": {"type": "boolean"},
                "test": TEXTS,
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer"},
            },
        },
        "image": {"type": "string"},
        "init": {"type": "boolean"},
        "logging": {"type": "object"},
        "networks": {"type": ["array", "object"]},
        "ports": TEXTS,
        "profiles": TEXTS,
        "read_only": {"type": "boolean"},
        "restart": {"enum": ["unless-stopped", "on-failure"]},
        "security_opt": TEXTS,
        "shm_size": {"type": "string"},
        "stop_grace_period": DURATION,
        "tmpfs": TEXTS,
        "user": {"type": "string", "pattern": r"^[1-9]\d*:[1-9]\d*$"},
        "volumes": TEXTS,
    },
}


def on_network(network: str) -> set[str]:
    return {name for name, service in SERVICES.items() if network in service["networks"]}


def profile_settings(profile: str) -> dict[str, str]:
    """Return what a profile says about the broker."""
    text = (ROOT / "scripts" / "compose" / f"{profile}.env").read_text()
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def variables() -> set[str]:
    """Return every variable the file takes from the environment."""
    return set(re.findall(r"(?<!\$)\$\{?([A-Z_][A-Z0-9_]*)", TEXT))


@pytest.mark.parametrize("name", SERVICES)
class TestEachService:
    def test_is_written_as_compose_reads_it(self, name):
        jsonschema.validate(SERVICES[name], SERVICE_SCHEMA)

    def test_has_a_health_check_or_ends_by_itself(self, name):
        check = SERVICES[name]["healthcheck"]

        assert (check == {"disable": True}) if name in ONE_SHOT else check["test"][0] in {"CMD", "CMD-SHELL"}

    def test_has_no_privileges(self, name):
        service = SERVICES[name]

        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is (name not in WRITABLE)
        assert "docker.sock" not in str(service)

    def test_is_published_on_loopback_or_not_at_all(self, name):
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))

    def test_uses_networks_and_volumes_that_exist(self, name):
        service = SERVICES[name]
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}

        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert named <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(SERVICES)

    def test_holds_no_secret_of_its_own(self, name):
        environment = SERVICES[name].get("environment", {})

        for variable, value in environment.items():
            if re.search(r"PASSWORD|SECRET|USERID|AUTH$", variable):
                assert re.fullmatch(r"\$\{[A-Z_]+(:\?[^}]+|:-)\}", value), variable
            if "://" in value:
                assert re.search(r"://[a-z]*:\$\{[A-Z_]+:\?[^}]+\}@", value), variable


class TestTheWhole:
    def test_has_a_process_of_every_kind(self):
        assert set(SERVICES) == {
            *("postgres", "redis", "migrate", "web", "gateway", "celery", "beat"),
            *("simulator", "ib-gateway"),
        }

    def test_publishes_the_web_process_alone(self):
        assert {name for name, service in SERVICES.items() if "ports" in service} == {"web"}

    def test_lets_only_the_gateway_reach_the_broker(self):
        assert on_network("broker") == {"gateway", "simulator", "ib-gateway"}
        assert on_network("interactive-brokers") == {"ib-gateway"}
        assert on_network("outside") == {"celery"}
        assert on_network("edge") == {"web"}
        assert COMPOSE["networks"]["broker"]["internal"] is True

    def test_keeps_rows_and_hints_inside(self):
        assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["backend"]
        assert COMPOSE["networks"]["backend"]["internal"] is True

    def test_starts_the_simulator_or_a_real_gateway_by_one_word(self):
        chosen = ["scripts/compose/${COMPOSE_PROFILES:?sim, ib or live}.env"]

        assert SERVICES["simulator"]["profiles"] == ["sim"]
        assert SERVICES["ib-gateway"]["profiles"] == ["ib", "live"]
        assert all(SERVICES[name]["env_file"] == chosen for name in {*OURS, "ib-gateway"})

    def test_runs_one_image_as_a_user_without_rights(self):
        assert set(OURS) == {"migrate", "web", "gateway", "celery", "beat", "simulator"}
        assert {SERVICES[name]["user"] for name in OURS} == {"10001:10001"}

    def test_waits_for_the_schema_before_it_reads_rows(self):
        for name in ("web", "gateway", "celery", "beat"):
            assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"

    def test_means_live_only_where_the_profile_and_another_key_say_so(self):
        modes = {profile: profile_settings(profile) for profile in ("sim", "ib", "live")}

        assert {name: values["PAPER_TRADING"] for name, values in modes.items()} == {
            "sim": "true",
            "ib": "true",
            "live": "false",
        }
        assert {name: values["IB_GATEWAY_PORT"] for name, values in modes.items()} == {
            "sim": "4004",
            "ib": "4004",
            "live": "4003",
        }
        assert {name for name, values in modes.items() if values["JAXBROKER_SIMULATOR"] == "true"} == {"sim"}
        assert {values["IB_GATEWAY_HOST"] for values in modes.values()} <= on_network("broker")
        assert (
            SERVICES["gateway"]["environment"]["JAXBROKER_LIVE_ALLOWED"] == "${JAXBROKER_LIVE_ALLOWED:-false}"
        )

    def test_takes_only_variables_that_the_example_explains(self):
        example = (ROOT / ".env.example").read_text()
        explained = set(re.findall(r"^#? ?([A-Z_][A-Z0-9_]*)=", example, re.MULTILINE))

        assert variables() - explained == set()


class TestTheImage:
    def test_holds_the_code_and_nothing_else(self):
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]

        assert rules[0] == "*"
        assert not {"!.", "!.env", "!.git", "!var"} & set(rules)

    def test_runs_as_the_user_that_compose_names(self):
        dockerfile = (ROOT / "Dockerfile").read_text()

        assert "USER 10001:10001" in dockerfile
        assert "--require-hashes" in dockerfile
        assert "STOPSIGNAL SIGTERM" in dockerfile
        assert dockerfile.count("FROM python:3.11-slim-bookworm") == 2
