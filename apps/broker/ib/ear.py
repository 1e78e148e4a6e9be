"""Take what the library decodes and make facts, answers and ticks of it.

The handlers stand in front of the library's own: it flips orders to Cancelled on information
(F5), hands out old Trades for reused ids (F6), is silent about executions of orders it does not
know and turns unset P&L into zero. So its mirror of the broker never hears of any of this and
stays empty. A handler copies, queues and returns; what is no fact raises ValueError, which the
framing reports as unreadable.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apps.broker.ib import translate
from apps.broker.ib.encodings import instant, readable, zone_name
from apps.broker.ib.inquiries import Inquiries
from apps.broker.ib.library import FIRST_REQUEST_ID
from apps.broker.ib.lines import Lines
from apps.broker.lanes import FactLane
from apps.domain.events import BrokerNotice
from apps.domain.ib_codes import IbKind, is_informative
from apps.domain.ib_codes import ib_code as ib_code_of

OPEN_ORDERS = "open orders"
COMPLETED_ORDERS = "completed orders"
POSITIONS = "positions"
CURRENT_TIME = "current time"

#: Message ids whose loss makes a list incomplete, and the list.
LIST_OF_MESSAGE = {"5": OPEN_ORDERS, "101": COMPLETED_ORDERS, "61": POSITIONS}

#: Message ids that answer requests with an id: contracts, executions, bars, bonds.
ANSWERS_BY_ID = frozenset({"10", "11", "17", "18"})

NO_REQUEST = -1


def account_values(account: str) -> str:
    """Return the key of the account-value question."""
    return f"account {account}"


def market_rule(rule_id: int) -> str:
    """Return the key of a market-rule question."""
    return f"market rule {rule_id}"


class Ear:
    """The handlers of one broker session."""

    def __init__(
        self, facts: FactLane, inquiries: Inquiries, lines: Lines, *, on_system: Callable[[int, str], None]
    ) -> None:
        self._facts = facts
        self._inquiries = inquiries
        self._lines = lines
        self._on_system = on_system
        self._pnl_accounts: dict[int, str] = {}
        self._zone = ""
        self.next_valid_id = 0

    def listen(self, wrapper: Any) -> None:
        """Put our handlers in front of the library's."""
        for name, handler in self._handlers().items():
            setattr(wrapper, name, handler)

    def set_zone(self, name: str) -> None:
        """Note the zone of IB Gateway, for times that name none."""
        self._zone = name

    @property
    def zone(self) -> str:
        """Return the zone of IB Gateway, empty if it named none."""
        return zone_name(self._zone)

    def follow_pnl(self, request_id: int, account: str) -> None:
        """Remember whose P&L comes under this id."""
        self._pnl_accounts[request_id] = account

    def hear_unreadable(self, message_id: str) -> None:
        """Say that a message was lost: a running list cannot be complete any more."""
        self._facts.put(BrokerNotice(NO_REQUEST, 0, f"Unreadable message {message_id} from IB Gateway"))
        if message_id in LIST_OF_MESSAGE:
            self._inquiries.spoil(LIST_OF_MESSAGE[message_id], "a record of the list was unreadable")
        elif message_id in ANSWERS_BY_ID:
            self._inquiries.spoil_requests(f"message {message_id} was unreadable")

    def execution_time(self, text: str) -> str:
        """Return the time of an execution as epoch seconds, the one form that needs no zone."""
        return str(int(instant(text, self._zone).timestamp()))

    def _handlers(self) -> dict[str, Callable[..., object]]:
        return {
            "nextValidId": self._next_valid_id,
            "error": self._error,
            "openOrder": self._open_order,
            "openOrderEnd": lambda: self._inquiries.finish(OPEN_ORDERS),
            "orderStatus": self._order_status,
            "completedOrder": self._completed_order,
            "completedOrdersEnd": lambda: self._inquiries.finish(COMPLETED_ORDERS),
            "execDetails": self._execution,
            "execDetailsEnd": self._inquiries.finish,
            "commissionReport": self._commission,
            "position": self._position,
            "positionEnd": lambda: self._inquiries.finish(POSITIONS),
            "updatePortfolio": self._portfolio,
            "updateAccountValue": self._account_value,
            "accountUpdateMulti": self._account_value_multi,
            "accountDownloadEnd": lambda account: self._inquiries.finish(account_values(account)),
            "pnl": self._pnl,
            "currentTime": self._current_time,
            "contractDetails": self._inquiries.hear,
            "bondContractDetails": self._inquiries.hear,
            "contractDetailsEnd": self._inquiries.finish,
            "marketRule": self._market_rule,
            "historicalData": self._inquiries.hear,
            "historicalDataEnd": lambda request_id, _start, _end: self._inquiries.finish(request_id),
            "priceSizeTick": self._lines.hear_price,
            "tickSize": self._lines.hear_size,
            "tickString": self._lines.hear_text,
            "tickGeneric": self._lines.hear_generic,
            "marketDataType": self._lines.hear_type,
            "tickReqParams": _ignore,
        }

    def _next_valid_id(self, ib_order_id: int) -> None:
        if ib_order_id < FIRST_REQUEST_ID:  # a larger one would leave no id to place an order with
            self.next_valid_id = max(self.next_valid_id, ib_order_id)

    def _open_order(self, _id: int, contract: Any, order: Any, state: Any) -> None:
        if order.whatIf:
            return
        found = translate.broker_order(contract, order, state, zone=self._zone)
        if not self._inquiries.hear(OPEN_ORDERS, found):
            self._facts.put(found)

    def _completed_order(self, contract: Any, order: Any, state: Any) -> None:
        found = translate.broker_order(contract, order, state, zone=self._zone)
        if not self._inquiries.hear(COMPLETED_ORDERS, found):
            self._facts.put(found)

    def _order_status(
        self, ib_order_id: int, status: str, filled: float, remaining: float, *rest: Any
    ) -> None:
        _average, perm_id, _parent, _last, client_id, why_held, *_ = rest
        self._facts.put(
            translate.order_status(
                ib_order_id,
                status,
                filled,
                remaining,
                ib_perm_id=perm_id,
                client_id=client_id,
                why_held=why_held,
            )
        )

    def _execution(self, request_id: int, contract: Any, found: Any) -> None:
        report = translate.execution(contract, found)
        if not self._inquiries.hear(request_id, report):
            self._facts.put(report)

    def _commission(self, found: Any) -> None:
        self._facts.put(translate.commission(found))

    def _position(self, account: str, contract: Any, quantity: float, average_cost: float) -> None:
        found = translate.position(account, contract, quantity, average_cost)
        if not self._inquiries.hear(POSITIONS, found):
            self._facts.put(found)

    def _portfolio(self, contract: Any, _quantity: float, price: float, value: float, *rest: Any) -> None:
        _average_cost, unrealized, realized, account = rest
        found = translate.portfolio(
            account, contract, price=price, value=value, unrealized=unrealized, realized=realized
        )
        if found is not None:
            self._facts.put(found)

    def _account_value(self, tag: str, text: str, currency: str, account: str) -> None:
        found = translate.balance(account, tag, text, currency)
        if not self._inquiries.hear(account_values(account), found):
            self._facts.put(found)

    def _account_value_multi(
        self, _request_id: int, account: str, _model: str, tag: str, text: str, currency: str
    ) -> None:
        self._facts.put(translate.balance(account, tag, text, currency))

    def _pnl(self, request_id: int, daily: float, unrealized: float, realized: float) -> None:
        account = self._pnl_accounts.get(request_id)
        if account is not None:
            self._facts.put(translate.pnl(account, daily, unrealized, realized))

    def _current_time(self, epoch: int) -> None:
        self._inquiries.hear(CURRENT_TIME, datetime.fromtimestamp(epoch, UTC))
        self._inquiries.finish(CURRENT_TIME)

    def _market_rule(self, rule_id: int, increments: Any) -> None:
        self._inquiries.hear(market_rule(rule_id), translate.tick_rules(increments))
        self._inquiries.finish(market_rule(rule_id))

    def _error(self, request_id: int, ib_code: int, text: str, *advanced: str) -> None:
        message = readable(" ".join([text, *(part for part in advanced if part)]))
        if request_id > 0 and self._inquiries.is_open(request_id):
            if not is_informative(ib_code):
                self._inquiries.refuse(request_id, ib_code, message)
            return
        self._facts.put(BrokerNotice(request_id, ib_code, message))
        if request_id <= 0:
            self._refuse_word(ib_code, message)
            self._on_system(ib_code, message)
        elif not is_informative(ib_code):
            self._lines.hear_refusal(request_id, ib_code, message)

    def _refuse_word(self, ib_code: int, message: str) -> None:
        """Refuse the question without an id that is open: nothing else can be meant.

        A heartbeat is never refused, only late; rights to data are about lines.
        """
        word = self._inquiries.open_word()
        if word in (None, CURRENT_TIME) or is_informative(ib_code):
            return
        if ib_code_of(ib_code).kind is not IbKind.ENTITLEMENT:
            self._inquiries.refuse(word, ib_code, message)


def _ignore(*_fields: object) -> None:
    """Take a message that says nothing we keep."""
