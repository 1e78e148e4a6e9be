"""One line per event, and no secret in any of them."""

import io
import json
import logging

import pytest

from apps.common.logs import SecretFilter, line_formatter, mask_secrets, plain

SECRET = "s3cretS3cret" * 3 + "abcd"
TOKEN = f"jb_paper_k7m2qd4x_{SECRET}"


@pytest.fixture
def log():
    """A logger as the settings make one, and what it wrote."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(SecretFilter())
    handler.setFormatter(line_formatter(pretty=False))
    logger = logging.Logger("floor")
    logger.addHandler(handler)
    return logger, out


class TestLine:
    def test_is_json_with_its_fields(self, log):
        logger, out = log

        logger.info("order written", extra={"order": "0195f3a2", "epoch": 3})

        line = json.loads(out.getvalue())
        assert (line["event"], line["level"], line["logger"]) == ("order written", "info", "floor")
        assert (line["order"], line["epoch"]) == ("0195f3a2", 3)
        assert line["timestamp"].endswith("Z")

    def test_stays_one_line_whatever_is_in_it(self, log):
        logger, out = log

        try:
            int("two\nlines")
        except ValueError:
            logger.exception("broken\r\nand \x1b[31mforged", extra={"text": "a\nb"})

        assert out.getvalue().count("\n") == 1
        assert "\x1b" not in out.getvalue()


class TestSecrets:
    @pytest.mark.parametrize(
        "call",
        [
            lambda log: log.info("key %s", TOKEN),
            lambda log: log.info("call", extra={"headers": {"Authorization": f"Bearer {TOKEN}"}}),
            lambda log: log.info("call", extra={"url": f"http://h/x?key={TOKEN}"}),
            lambda log: log.info("call", extra={"password": SECRET}),
            lambda log: log.info("call", extra={"items": [TOKEN, {"api_key": SECRET}]}),
            lambda log: log.info("Authorization: Basic %s", SECRET),
            lambda log: log.info("X-API-Key: %s", SECRET),
            lambda log: log.info("redis://user:%s@host/0", SECRET),
        ],
    )
    def test_never_reach_a_line(self, log, call):
        logger, out = log

        call(logger)

        assert out.getvalue()
        assert SECRET not in out.getvalue()

    def test_never_reach_a_traceback(self, log):
        logger, out = log

        try:
            int(TOKEN)
        except ValueError:
            logger.exception("failed")

        assert "ValueError" in out.getvalue()
        assert SECRET not in out.getvalue()

    def test_the_public_id_stays_readable(self):
        assert mask_secrets(f"key {TOKEN} used") == "key jb_paper_k7m2qd4x_*** used"

    def test_ordinary_text_stays_as_it_is(self):
        text = "GET /orders?limit=5 order 0195f3aa9b1c at 12:30:00 by tara@desk.example"

        assert mask_secrets(text) == text


class TestForeignText:
    def test_is_capped_and_on_one_line(self):
        assert plain("a\nb\x1b[0m\u200b") == "a b [0m "
        assert plain("x" * 600) == "x" * 500 + "…"
