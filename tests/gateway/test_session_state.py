"""When an order may be written, as far as this process knows."""

import pytest

from tests.gateway.test_lines import state

__all__ = ["state"]


class TestMaySendOrders:
    async def test_needs_ready(self, state):
        assert not state.may_send_orders

        state.ready = True

        assert state.may_send_orders

    @pytest.mark.parametrize("code", [1100, 2110])
    async def test_closes_when_ib_loses_its_line(self, state, code):
        state.ready = True

        state.hear_notice(code)

        assert not state.may_send_orders

    @pytest.mark.parametrize("code", [1101, 1102])
    async def test_opens_only_after_a_reconciliation(self, state, code):
        state.ready = True
        state.hear_notice(1100)

        state.hear_notice(code)

        assert state.reconcile_wanted.is_set()
        assert not state.may_send_orders
        state.connectivity_restored()
        assert state.may_send_orders

    async def test_a_line_that_breaks_during_the_run_keeps_it_closed(self, state):
        state.ready = True
        state.hear_notice(1100)
        state.hear_notice(1102)
        state.hear_notice(1100)

        state.connectivity_restored()

        assert not state.may_send_orders

    async def test_closes_at_the_first_missed_heartbeat(self, state):
        state.ready = True

        state.missed_beats = 1

        assert not state.may_send_orders

    async def test_closes_while_the_halt_file_is_there(self, state):
        state.ready = True

        state.brake.halt_file.touch()

        assert not state.may_send_orders

    async def test_closes_with_the_socket(self, state):
        state.ready = True

        await state.session.close("gone")

        assert not state.may_send_orders


class TestSeesTheMarket:
    async def test_not_while_ib_itself_is_cut_off_so_that_an_empty_list_means_nothing(self, state):
        assert state.sees_the_market

        state.hear_notice(1100)
        cut_off = state.sees_the_market
        state.hear_notice(1102)

        assert (cut_off, state.sees_the_market) == (False, True)
