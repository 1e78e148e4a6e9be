"""Questions become answers in rows, over TCP; refusals say why."""

import pytest

from apps.broker.memory import MemoryScript, MemorySession
from apps.broker.port import BrokerRefused
from apps.common.aio import in_db
from apps.domain.candles import CandleInterval
from apps.gateway.lookups import code_of
from apps.instruments.services import UnknownSymbol, resolve_symbol
from apps.marketdata.models import CandleRequest
from apps.marketdata.selectors import candles_of
from apps.marketdata.services import request_candles
from tests.gateway.house import as_web, config_for, running_gateway, until
from tests.gateway.test_lines import AAPL

pytestmark = pytest.mark.django_db(transaction=True)


async def answered(request):
    row = await in_db(CandleRequest.objects.get, pk=request.pk)
    return row if row.state != "PENDING" else None


class TestContracts:
    async def test_a_symbol_becomes_an_instrument(self, gateway):
        instrument = await as_web(resolve_symbol, "aapl")

        assert (instrument.symbol, instrument.ib_con_id) == ("AAPL", 265598)

    async def test_an_unknown_symbol_is_said_to_be_unknown(self, gateway):
        with pytest.raises(UnknownSymbol):
            await as_web(resolve_symbol, "NOSUCH")


class TestCandles:
    async def test_are_stored_ascending(self, gateway):
        instrument = await as_web(resolve_symbol, "AAPL")

        request = await as_web(
            request_candles, instrument=instrument, interval=CandleInterval.D1, duration="5 D"
        )

        done = await until(lambda: answered(request))
        assert done.state == "DONE", done.detail
        candles = await in_db(candles_of, done)
        assert len(candles) >= 3
        assert [c.start for c in candles] == sorted(c.start for c in candles)

    async def test_a_paced_request_says_so_with_ibs_own_number(self, transactional_db, tmp_path):
        refusal = BrokerRefused(162, "Historical Market Data Service error: API pacing violation")
        script = MemoryScript(instruments={"AAPL": [AAPL]}, candles_problem=refusal)
        config = config_for(4002, tmp_path)
        async with running_gateway(config, open_session=lambda settings: MemorySession(script)) as gateway:
            await gateway.until_phase("READY")
            instrument = await as_web(resolve_symbol, "AAPL")

            request = await as_web(
                request_candles, instrument=instrument, interval=CandleInterval.M1, duration="1 D"
            )

            refused = await until(lambda: answered(request))
            assert (refused.state, refused.code, refused.ib_code) == ("REFUSED", "IB_PACING", 162)


class TestCodes:
    @pytest.mark.parametrize(
        ("ib_code", "text", "code"),
        [
            (162, "Historical Market Data Service error  API pacing violation", "IB_PACING"),
            (
                162,
                "Historical Market Data Service error message:No market data permissions",
                "NO_MARKET_DATA",
            ),
            (200, "No security definition has been found", "UNKNOWN_SYMBOL"),
            (354, "Requested market data is not subscribed", "NO_MARKET_DATA"),
            (321, "Error validating request", "BROKER_REJECTED"),
        ],
    )
    def test_ibs_numbers_become_ours(self, ib_code, text, code):
        assert code_of(BrokerRefused(ib_code, text)) == code
