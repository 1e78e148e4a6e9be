"""Promises of the status bar: each value reads exactly as design/console.md section 3 writes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.console import bar

NOW = datetime(2026, 11, 20, 15, 42, 8, tzinfo=UTC)
EVIDENCE = (
    ("Declared mode", "paper", True),
    ("Port", "4002, paper class", True),
    ("Managed accounts", "DU1", True),
)
READY = bar.ConnectionFacts(
    name="main",
    mode="paper",
    simulator=False,
    phase="READY",
    reasons=(),
    attempt=0,
    next_attempt_at=None,
    session=412,
    heartbeat_at=NOW,
    proof="proven",
    evidence=EVIDENCE,
    lines_used=14,
    lines_limit=100,
)
ACTIVE = bar.TradingFacts(state="ACTIVE", at=NOW - timedelta(hours=1), actor="", confirmed_at=None)
HALTED = bar.TradingFacts(state="HALTED", at=NOW - timedelta(seconds=1), actor="user:rita", confirmed_at=None)


def read(segment):
    """Return a segment as people read it, with its look."""
    return f"{segment.value} {segment.note}".strip(), segment.look


class TestMode:
    @pytest.mark.parametrize(
        ("change", "word", "css", "icon"),
        [
            ({}, "PAPER", "m-paper", "page"),
            ({"mode": "live"}, "LIVE", "m-live", "bolt"),
            ({"simulator": True}, "SIMULATOR", "m-sim", "flask"),
            ({"proof": "unproven"}, "MODE NOT PROVEN", "m-unproven", "question"),
            ({"proof": "contradicted", "mode": "live"}, "MODE CONTRADICTED", "m-contradicted", "halt"),
            ({"mode": "live", "heartbeat_at": None}, "MODE NOT PROVEN", "m-unproven", "question"),
            (
                {"heartbeat_at": NOW - timedelta(seconds=21)},
                "MODE NOT PROVEN",
                "m-unproven",
                "question",
            ),
        ],
    )
    def test_is_shown_only_as_far_as_it_is_proven(self, change, word, css, icon):
        assert bar.mode_block(replace(READY, **change), NOW) == bar.ModeBlock(word, css, icon)

    def test_without_a_connection_nothing_is_proven(self):
        assert bar.mode_block(None, NOW).word == "MODE NOT PROVEN"


class TestProof:
    def test_counts_the_lines_that_agree(self):
        assert read(bar.proof_segment(READY, NOW)) == ("3 of 3 agree", "fine")

    def test_names_what_is_missing(self):
        facts = replace(
            READY,
            proof="unproven",
            evidence=(*EVIDENCE[:2], ("Managed accounts", "no accounts seen yet", None)),
        )

        assert read(bar.proof_segment(facts, NOW)) == ("Waiting for accounts", "warn")

    @pytest.mark.parametrize(
        ("port", "accounts", "words"),
        [
            (False, ("DU1", True), "Port says live, accounts say paper"),
            (True, ("U1", False), "Port says paper, accounts say live"),
            (False, ("U1, U2", False), "Port and accounts say live"),
            (True, ("DU1, U1", False), "Accounts are paper and live mixed"),
            (False, ("no accounts seen yet", None), "Port says live, paper is declared"),
        ],
    )
    def test_names_the_two_that_contradict(self, port, accounts, words):
        facts = replace(
            READY,
            proof="contradicted",
            evidence=(EVIDENCE[0], ("Port", "x", port), ("Managed accounts", *accounts)),
        )

        assert read(bar.proof_segment(facts, NOW)) == (words, "bad")


class TestConnection:
    @pytest.mark.parametrize(
        ("change", "words", "look"),
        [
            ({}, "READY session 412", ""),
            ({"phase": "CONNECTING", "attempt": 4}, "CONNECTING attempt 4", "warn"),
            (
                {"phase": "DISCONNECTED", "next_attempt_at": NOW + timedelta(seconds=12)},
                "DISCONNECTED next try in 12 s",
                "bad",
            ),
            ({"phase": "DISCONNECTED", "next_attempt_at": NOW}, "DISCONNECTED trying now", "bad"),
            ({"phase": "AWAITING_LOGIN"}, "AWAITING_LOGIN approve on your phone", "bad"),
            ({"orders_wait": "orders wait, other code"}, "READY orders wait, other code", "warn"),
            ({"phase": "STOPPED"}, "STOPPED switched off", "warn"),
            ({"heartbeat_at": NOW - timedelta(seconds=34)}, "NO GATEWAY silent for 34 s", "bad"),
            ({"heartbeat_at": None}, "NO GATEWAY never heard of", "bad"),
        ],
    )
    def test_reads_as_written(self, change, words, look):
        assert read(bar.connection_segment(replace(READY, **change), NOW)) == (words, look)

    def test_twenty_seconds_of_silence_are_not_yet_silence(self):
        facts = replace(READY, heartbeat_at=NOW - timedelta(seconds=20))

        assert bar.connection_segment(facts, NOW).value == "READY"


class TestTrading:
    def test_active_is_plain(self):
        assert read(bar.trading_segment(ACTIVE, READY, NOW)) == ("ACTIVE", "")

    def test_says_that_orders_wait_without_a_ready_connection(self):
        facts = replace(READY, phase="RECONCILING")

        assert read(bar.trading_segment(ACTIVE, facts, NOW)) == ("ACTIVE orders wait", "")

    def test_counts_narrower_scopes(self):
        trading = replace(ACTIVE, narrower_halted=1, narrower_reducing=2)

        assert (
            read(bar.trading_segment(trading, READY, NOW))[0]
            == "ACTIVE 1 narrower halted, 2 narrower reducing"
        )

    def test_a_halt_is_halting_until_the_gateway_confirms(self):
        confirmed = replace(HALTED, confirmed_at=NOW)
        silent = replace(READY, heartbeat_at=NOW - timedelta(seconds=37))

        assert read(bar.trading_segment(HALTED, READY, NOW)) == (
            "HALTING gateway has not confirmed yet",
            "bad",
        )
        assert read(bar.trading_segment(confirmed, READY, NOW)) == (
            "HALTED gateway confirmed 10:42:08",
            "bad",
        )
        assert read(bar.trading_segment(HALTED, silent, NOW)) == (
            "HALTED gateway silent since 10:41:31",
            "bad",
        )


class TestDoubt:
    @pytest.mark.parametrize(
        ("seconds", "words", "look"),
        [
            (0.4, "1 in flight 0.4 s", ""),
            (47, "1 for 47 s", "doubt"),
            (130, "1 for 2 min 10 s, needs a person", "bad"),
        ],
    )
    def test_grows_louder_with_the_age_of_the_oldest(self, seconds, words, look):
        doubt = bar.DoubtFacts(number=1, oldest_at=NOW - timedelta(seconds=seconds))

        assert read(bar.doubt_segment(doubt, NOW)) == (words, look)

    def test_none_is_zero(self):
        assert read(bar.doubt_segment(bar.DoubtFacts(0, None), NOW)) == ("0", "")


class TestLines:
    @pytest.mark.parametrize(
        ("used", "words", "look"),
        [(89, "89 of 100", ""), (90, "90 of 100, browsers wait first", "warn")],
    )
    def test_warns_from_ninety_percent(self, used, words, look):
        assert read(bar.lines_segment(replace(READY, lines_used=used))) == (words, look)


class TestBanner:
    def test_is_absent_on_a_calm_day(self):
        assert bar.banner(ACTIVE, READY, NOW) is None

    def test_tells_why_orders_wait_although_the_session_stands(self):
        facts = replace(READY, orders_wait="orders wait for IB's restart", orders_wait_because="IB restarts")

        assert bar.banner(ACTIVE, facts, NOW).text == "IB restarts. Cancels go on."

    def test_a_halt_is_worse_than_anything_else(self):
        contradicted = replace(READY, proof="contradicted")

        assert bar.banner(HALTED, contradicted, NOW).head == "Halted 10:42:07 by rita."

    def test_is_honest_about_a_silent_gateway(self):
        silent = replace(READY, heartbeat_at=None)

        assert "Nothing can be committed for sending" in bar.banner(HALTED, silent, NOW).text


class TestTitle:
    def test_begins_with_what_matters(self):
        doubt = bar.DoubtFacts(number=1, oldest_at=NOW - timedelta(seconds=47))
        cells = bar.segments(READY, replace(HALTED, confirmed_at=NOW), doubt, NOW)

        assert bar.page_title(bar.mode_block(READY, NOW), cells) == "PAPER · HALTED · 1 in doubt"
