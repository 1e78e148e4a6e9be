"""What a start refuses: one clear line and exit code 2, and nothing means live by accident."""

import os
import subprocess
import sys

import pytest

PORTS = {"paper": ("7497", "4002", "4004", "7499"), "live": ("7496", "4001", "4003", "7498")}
POSTGRES = "postgresql://jax:pw@127.0.0.1:5432/jax"


@pytest.fixture
def start(tmp_path):
    """Load the settings in a process of their own and print one of them."""

    def run(show="JAXBROKER_MODE", **environment):
        base = {
            "PATH": os.environ["PATH"],
            "JAXBROKER_ENV_FILE": os.devnull,
            "JAXBROKER_STATE_DIR": str(tmp_path),
            "SECRET_KEY": "x" * 60,
        }
        return subprocess.run(
            [sys.executable, "-c", f"from jaxbroker import settings; print(settings.{show})"],
            env={name: value for name, value in (base | environment).items() if value is not None},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def line(done):
    """Return the one line of a refused start."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    [only] = done.stderr.splitlines()
    assert only.startswith("jaxbroker: ")
    return only.removeprefix("jaxbroker: ")


class TestMode:
    @pytest.mark.parametrize("word", [None, "", "  ", "true", "TRUE", "1", "yes", "on"])
    def test_blank_or_absent_is_paper(self, start, word):
        given = {} if word is None else {"PAPER_TRADING": word}

        assert start(**given).stdout == "paper\n"

    @pytest.mark.parametrize("word", ["maybe", "flase", "live", "0.0", "nope"])
    def test_a_word_nobody_knows_stops_the_start(self, start, word):
        assert line(start(PAPER_TRADING=word)) == f"PAPER_TRADING: {word!r} is not true or false"

    @pytest.mark.parametrize("port", PORTS["live"])
    def test_paper_does_not_start_on_a_live_port(self, start, port):
        assert line(start(PAPER_TRADING="true", IB_GATEWAY_PORT=port)).startswith(
            "PAPER_TRADING: true does not"
        )

    @pytest.mark.parametrize("port", PORTS["paper"])
    def test_live_does_not_start_on_a_paper_port(self, start, port):
        done = start(
            PAPER_TRADING="false", IB_GATEWAY_PORT=port, JAXBROKER_LIVE_ALLOWED="true", DATABASE_URL=POSTGRES
        )

        assert line(done).startswith("PAPER_TRADING: false does not go with")

    @pytest.mark.parametrize("port", PORTS["paper"])
    def test_paper_starts_on_a_paper_port(self, start, port):
        assert start(IB_GATEWAY_PORT=port).stdout == "paper\n"

    @pytest.mark.parametrize("port", PORTS["live"])
    def test_live_starts_where_everything_says_live(self, start, port):
        done = start(
            PAPER_TRADING="false", IB_GATEWAY_PORT=port, JAXBROKER_LIVE_ALLOWED="true", DATABASE_URL=POSTGRES
        )

        assert done.stdout == "live\n"

    @pytest.mark.parametrize(
        ("missing", "name"),
        [
            ({"JAXBROKER_LIVE_ALLOWED": ""}, "PAPER_TRADING"),
            ({"DATABASE_URL": ""}, "DATABASE_URL"),
            ({"DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL"),
            ({"DEBUG": "true"}, "DEBUG"),
            ({"JAXBROKER_SIMULATOR": "true"}, "JAXBROKER_SIMULATOR"),
            ({"JAXBROKER_STANDALONE": "true", "JAXBROKER_SIMULATOR": "false"}, "JAXBROKER_STANDALONE"),
            ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ],
        ids=str,
    )
    def test_live_starts_nowhere_else(self, start, missing, name):
        live = {
            "PAPER_TRADING": "false",
            "IB_GATEWAY_PORT": "4001",
            "JAXBROKER_LIVE_ALLOWED": "true",
            "DATABASE_URL": POSTGRES,
        }

        assert line(start(**live | missing)).startswith(f"{name}: ")

    @pytest.mark.parametrize("word", ["23:59", "11:59 PM", "24:00 UTC", "23:59 Mars/Olympus", "23:59 ../etc"])
    def test_a_restart_is_a_time_of_a_zone(self, start, word):
        assert line(start(IB_RESTART_AT=word)).startswith("IB_RESTART_AT: ")
        assert start(IB_RESTART_AT="23:59 America/New_York").stdout == "paper\n"

    def test_an_unusual_port_must_be_bound(self, start):
        assert line(start(IB_GATEWAY_PORT="5000")).startswith("IB_GATEWAY_PORT: 5000 belongs to no mode")
        assert start(IB_GATEWAY_PORT="5000", JAXBROKER_PORT_MODES="5000=paper, 5001=live").stdout == "paper\n"
        assert line(start(IB_GATEWAY_PORT="5001", JAXBROKER_PORT_MODES="5001=live")).startswith(
            "PAPER_TRADING"
        )

    @pytest.mark.parametrize(
        "bad", ["5000", "5000=maybe", "x=paper", "70000=paper", "4002=paper", "4001=paper"]
    )
    def test_a_binding_has_its_form_and_moves_no_known_port(self, start, bad):
        assert line(start(JAXBROKER_PORT_MODES=bad)).startswith("JAXBROKER_PORT_MODES: ")


class TestSecret:
    def test_production_does_not_start_without_one(self, start):
        assert line(start(SECRET_KEY="")).startswith("SECRET_KEY: is missing")

    def test_the_sample_and_a_short_one_are_refused(self, start):
        for bad in ("short", "change-me-" * 6):
            assert line(start(SECRET_KEY=bad)).startswith("SECRET_KEY: is the sample value or shorter")

    def test_comes_from_a_file(self, start, tmp_path):
        (tmp_path / "key").write_text("y" * 60 + "\n")

        assert (
            start("SECRET_KEY", SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "key")).stdout
            == "y" * 60 + "\n"
        )
        assert line(start(SECRET_KEY="x" * 60, SECRET_KEY_FILE="/x")).startswith("SECRET_KEY: is set twice")
        assert line(start(SECRET_KEY="", SECRET_KEY_FILE="/nowhere")).startswith(
            "SECRET_KEY_FILE: cannot be read"
        )

    def test_standalone_makes_its_own_once(self, start, tmp_path):
        first = start("SECRET_KEY", SECRET_KEY="", JAXBROKER_STANDALONE="true").stdout
        second = start("SECRET_KEY", SECRET_KEY="", JAXBROKER_STANDALONE="true").stdout

        assert first == second
        assert len(first) > 50
        assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600

    def test_the_sample_file_does_not_start(self, start):
        assert line(start(SECRET_KEY="change-me-to-50-or-more-random-characters-xxxxxxxxxxxxxxx"))


class TestValues:
    @pytest.mark.parametrize(
        ("name", "bad"),
        [
            ("PORT", "0"),
            ("PORT", "eighty"),
            ("PORT", "65536"),
            ("IB_CLIENT_ID", "-1"),
            ("IB_CLIENT_ID", "1.5"),
            ("AUTO_CONNECT", "perhaps"),
            ("IB_MARKET_DATA_TYPE", "realtime"),
            ("LOG_LEVEL", "LOUD"),
            ("RECONNECT_DELAY", "soon"),
            ("RECONNECT_DELAY", "NaN"),
            ("RECONNECT_MAX_ATTEMPTS", "-1"),
            ("ALLOWED_HOSTS", "*"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("CORS_ALLOWED_ORIGINS", "localhost:5173"),
            ("CORS_ALLOWED_ORIGINS", "http://localhost:5173/"),
            ("CSRF_TRUSTED_ORIGINS", "https://*.example"),
            ("JAXBROKER_TRUSTED_NETWORKS", "10.0.0.1/8"),
            ("DATABASE_URL", "mysql://u:p@h/d"),
            ("DATABASE_URL", "nonsense"),
            ("JAXBROKER_PROXY_COUNT", "9"),
            ("IB_LIBRARY", "ibapi"),
            ("DEBUG", "2"),
        ],
    )
    def test_a_wrong_one_stops_the_start(self, start, name, bad):
        assert line(start(**{name: bad})).startswith(f"{name}: ")

    def test_a_password_is_never_repeated(self, start):
        assert "hunter2" not in line(start(DATABASE_URL="mysql://u:hunter2@h/d"))

    def test_blank_ones_are_absent_ones(self, start):
        names = (
            "HOST",
            "PORT",
            "IB_CLIENT_ID",
            "DATABASE_URL",
            "REDIS_URL",
            "LOG_LEVEL",
            "DEBUG",
            "ALLOWED_HOSTS",
        )

        done = start("PORT", **dict.fromkeys(names, " "))

        assert done.stdout == "8092\n"

    def test_sqlite_is_durable_and_takes_its_lock_at_the_start(self, start):
        done = start("DATABASES['default']['OPTIONS']")

        for part in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "'IMMEDIATE'",
            "'timeout': 2",
        ):
            assert part in done.stdout

    def test_postgresql_has_a_pool(self, start):
        done = start("DATABASES['default']", DATABASE_URL=POSTGRES)

        assert "'pool'" in done.stdout
        assert "'CONN_MAX_AGE': 0" in done.stdout

    def test_redis_connects_processes(self, start):
        done = start("CHANNEL_LAYERS", REDIS_URL="redis://127.0.0.1:6379/0")

        assert "RedisPubSubChannelLayer" in done.stdout
        assert "'socket_timeout': None" in done.stdout

    def test_without_redis_all_stays_in_the_process(self, start):
        assert "InMemoryChannelLayer" in start("CHANNEL_LAYERS").stdout


class TestEnvFile:
    def test_is_read_and_a_variable_wins(self, start, tmp_path):
        (tmp_path / "env").write_text("PORT=9001\nHOST=127.0.0.2\n")

        done = start("HOST, settings.PORT", JAXBROKER_ENV_FILE=str(tmp_path / "env"), PORT="9002")

        assert done.stdout == "127.0.0.2 9002\n"

    def test_the_example_names_every_variable_and_no_other(self, tmp_path):
        import re
        from pathlib import Path

        root = Path(__file__).parents[2]
        source = (root / "jaxbroker/settings.py").read_text()
        read = set(re.findall(r"_env\.[a-z_]+\(\s*\"([A-Z_]+)\"", source)) - {"IB_LIBRARY"}
        read |= {f"{name}_FILE" for name in re.findall(r"_env\.secret\(\"([A-Z_]+)\"", source)}
        read |= {"JAXBROKER_IB_LIBRARY"}
        read |= set(re.findall(r"\$\{([A-Z_]+)", (root / "docker-compose.yml").read_text()))
        named = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", (root / ".env.example").read_text(), re.MULTILINE))

        assert named == read

    def test_the_example_itself_does_not_start_before_it_is_filled_in(self, start):
        from pathlib import Path

        example = Path(__file__).parents[2] / ".env.example"

        assert line(start(SECRET_KEY=None, JAXBROKER_ENV_FILE=str(example))).startswith(
            "SECRET_KEY: is the sample"
        )


class TestDeploy:
    def test_check_deploy_is_clean_with_production_settings(self, tmp_path):
        import secrets

        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            env={
                "PATH": os.environ["PATH"],
                "JAXBROKER_ENV_FILE": os.devnull,
                "JAXBROKER_STATE_DIR": str(tmp_path),
                "SECRET_KEY": secrets.token_urlsafe(64),
                "ALLOWED_HOSTS": "desk.example",
                "REDIS_URL": "redis://127.0.0.1:6379/0",
            },
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert done.returncode == 0, done.stderr
