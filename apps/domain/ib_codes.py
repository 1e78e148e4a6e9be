"""IB's message numbers as data: what a number means, what to do, and what it does to an order.

A number is a hint, never a verdict: what became of an order is read from orderStatus, openOrder,
completedOrder and executions (spec/orders.md, trap F5). Codes of ours stand in codes.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class IbKind(StrEnum):
    """What a message is about."""

    CONNECTIVITY = "connectivity"
    SESSION = "session"
    FARM = "farm"
    NOTICE = "notice"
    ORDER_REJECT = "order-reject"
    ORDER_NOTICE = "order-notice"
    ORDER_HINT = "order-hint"
    CANCELLED = "cancelled"
    REQUEST = "request"
    PACING = "pacing"
    ENTITLEMENT = "entitlement"
    UNKNOWN = "unknown"


class OrderEffect(StrEnum):
    """What IB Gateway does to the order a message names."""

    NONE = "none"
    REJECTED = "rejected"
    UNCHANGED = "unchanged"
    CANCELLED = "cancelled"
    LIVES = "lives"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class IbCode:
    """One number: why it comes and what helps; `our_code` is the code callers get, empty for none."""

    number: int
    kind: IbKind
    title: str
    cause: str
    fix: str
    order_effect: OrderEffect = OrderEffect.NONE
    our_code: str = ""


#: number | kind | effect on the order | our code | title | cause | fix
_TABLE = """
1100 | connectivity | none | BROKER_NOT_READY | IB Gateway lost its servers | Network, a nightly reset, or a login elsewhere | Wait; it comes back by itself, alert after 10 minutes
1101 | connectivity | none | - | Servers are back, subscriptions are lost | The break was too long for IB to keep them | Nothing: we subscribe and reconcile again
1102 | connectivity | none | - | Servers are back, subscriptions are kept | The break was short | Nothing: we reconcile again
2110 | connectivity | none | BROKER_NOT_READY | The link to IB's servers is broken | Network or a reset | Wait; it comes back by itself
1300 | session | none | - | The API port of IB Gateway changed | Somebody changed its settings; the session is dropped | Set the port of the connection to the new one
326 | session | none | BROKER_NOT_READY | The client id is in use | An old session is not gone yet, or another program has the id | Wait, or stop the other program; never take another id
10141 | session | none | BROKER_NOT_READY | The paper-trading disclaimer is not accepted | IB Gateway asks again after some restarts | Accept it in the window of IB Gateway
501 | session | none | - | Already connected | A client connected twice | None needed
502 | session | none | BROKER_NOT_READY | Cannot connect to IB Gateway | It is not running, or its API port is closed | Start it; check host, port and trusted addresses
503 | session | none | BROKER_NOT_READY | IB Gateway is too old | Its version is below what the API needs | Install a newer IB Gateway
504 | session | none | BROKER_NOT_READY | Not connected | A request came before the session was up | Wait for READY
506 | session | none | - | Unsupported version | IB Gateway and the library share no version | Install a supported IB Gateway
507 | session | none | - | The message ended early | IB Gateway closed the socket | Wait; we reconnect
2103 | farm | none | - | A market-data farm is broken | IB's data centre or the way to it | Wait; quotes of that farm are stale
2104 | farm | none | - | A market-data farm is OK | It is up | None needed
2105 | farm | none | - | A historical-data farm is broken | IB's data centre or the way to it | Wait; candles may fail meanwhile
2106 | farm | none | - | A historical-data farm is OK | It is up | None needed
2107 | farm | none | - | A historical-data farm sleeps | Nobody asked it | None needed: it wakes on demand
2108 | farm | none | - | A market-data farm sleeps | Nobody asked it | None needed: it wakes on demand
2119 | farm | none | - | A market-data farm connects | It is on its way up | Wait
2157 | farm | none | - | The security-definition farm is broken | IB's data centre or the way to it | Wait; look-ups may fail meanwhile
2158 | farm | none | - | The security-definition farm is OK | It is up | None needed
2100 | notice | none | - | Account updates went to another request | A second subscription replaced the first | None needed
2101 | notice | none | - | Account updates are taken | Another subscription of this login has them | Let one program read account updates
2152 | notice | none | - | Depth from several exchanges | Smart depth lists them | None needed
2174 | notice | none | - | A time had no zone | IB warns of an old form of date and time | Report it: our requests carry their zone
2176 | notice | none | - | Fractional sizes are cut | The API version is too old for them | None needed
165 | notice | none | - | Message of the historical service | It reports its state | None needed
103 | order-reject | rejected | BROKER_REJECTED | The order id was used before | Ids ran backwards, or another program has the client id | Nothing: we take a higher id after reconciling
106 | order-reject | rejected | BROKER_REJECTED | The order cannot be transmitted | IB Gateway holds it back | Look at the order in TWS
107 | order-reject | rejected | BROKER_REJECTED | The order is incomplete | A field the order type needs is missing | Report it: our checks should have caught it
109 | order-reject | rejected | BROKER_REJECTED | The price is too far from the market | A precautionary setting of IB Gateway | Change the price, or the setting in IB Gateway
110 | order-reject | rejected | BROKER_REJECTED | The price is not on the tick grid | The price step of this exchange is coarser | Use a multiple of the tick
111 | order-reject | rejected | BROKER_REJECTED | Time in force does not fit the order type | IB does not offer this pair | Choose DAY, or another order type
113 | order-reject | rejected | BROKER_REJECTED | Time in force must be DAY | IB does not offer this pair | Choose DAY
133 | order-reject | rejected | BROKER_REJECTED | Submitting failed | IB Gateway could not pass the order on | Nothing: we read the order again
145 | order-reject | rejected | BROKER_REJECTED | An entry field is invalid | A value IB does not take | Report it: our checks should have caught it
163 | order-reject | rejected | BROKER_REJECTED | No market data to check the price with | A precautionary setting of IB Gateway | Subscribe to data, or change the setting
164 | order-reject | rejected | BROKER_REJECTED | The price is too many ticks away | A precautionary setting of IB Gateway | Change the price, or the setting in IB Gateway
201 | order-reject | rejected | BROKER_REJECTED | IB rejected the order | The reason stands in IB's text: margin, permission, size, closed market | Act on the reason and place a new order
203 | order-reject | rejected | BROKER_REJECTED | The instrument is not allowed | The account may not trade it | Ask for the permission in the client portal
382 | order-reject | rejected | BROKER_REJECTED | The price breaks the tick limit | A precautionary setting of IB Gateway | Change the price, or the setting
383 | order-reject | rejected | BROKER_REJECTED | The size breaks the size limit | A precautionary setting of IB Gateway | Make the order smaller, or change the setting
387 | order-reject | rejected | BROKER_REJECTED | The order type is not supported here | Exchange or instrument do not know it | Choose another order type
388 | order-reject | rejected | BROKER_REJECTED | Below the minimum size | The exchange asks for more | Make the order larger
434 | order-reject | rejected | BROKER_REJECTED | The size is zero | An order without a size | Report it: our checks should have caught it
435 | order-reject | rejected | BROKER_REJECTED | The account is missing | The login has several accounts | Name the account
436 | order-reject | rejected | BROKER_REJECTED | The allocation is missing | The login allocates over several accounts | Name the account
460 | order-reject | rejected | BROKER_REJECTED | No trading permission | The account may not trade this | Ask for the permission in the client portal
461 | order-reject | rejected | BROKER_REJECTED | The size does not fit | Not a multiple of what the exchange trades | Use the lot size
10006 | order-reject | rejected | BROKER_REJECTED | The parent order is missing | A child came before its parent, or the parent was refused | Place the group again
10268 | order-reject | rejected | BROKER_REJECTED | A retired attribute was set: eTradeOnly | Old clients send it | Report it: we never set it
10269 | order-reject | rejected | BROKER_REJECTED | A retired attribute was set: firmQuoteOnly | Old clients send it | Report it: we never set it
10270 | order-reject | rejected | BROKER_REJECTED | A retired attribute was set: nbboPriceCap | Old clients send it | Report it: we never set it
10318 | order-reject | rejected | BROKER_REJECTED | Fractions are not supported | The instrument trades in whole shares | Use a whole number
104 | order-hint | unchanged | ORDER_TERMINAL | A filled order cannot be changed | The change came too late | Nothing: we read the order again
105 | order-hint | unchanged | NOT_MODIFIABLE | The change touches a fixed attribute | Only price, size and time in force may change | Nothing: we read the order again
134 | order-hint | unchanged | - | Changing failed | IB Gateway could not pass it on | Nothing: we read the order again
135 | order-hint | unknown | - | No order with this id | It is gone, or belongs to another client | Nothing: we read the order again
136 | order-hint | unknown | - | The order cannot be cancelled | Its state does not allow it; it may be filled | Nothing: we read the order again
161 | order-hint | unknown | - | The order is in no state to be cancelled | It may be filled | Nothing: we read the order again
2102 | order-hint | unchanged | - | The order is still being worked on | IB is busy with it | Nothing: we read the order again
10147 | order-hint | unknown | - | The order to cancel was not found | It is gone, or belongs to another client | Nothing: we read the order again
10148 | order-hint | unknown | - | The order cannot be cancelled in its state | The state stands in IB's text, often Filled | Nothing: we read the order again
10311 | order-hint | unknown | - | Direct routing may cost more | IB asks for a confirmation, depending on its settings | Confirm in IB Gateway, or route to SMART
10329 | order-hint | unknown | - | Direct routing may cost more | A notice about fees | Route to SMART to avoid it
202 | cancelled | cancelled | - | The order was cancelled | By us, by somebody in TWS, or by the exchange; IB's text says more | None needed
399 | order-notice | lives | - | IB has a remark about the order | Often: it waits for the market to open | Read the text
404 | order-notice | lives | - | Shares to borrow are being located | The order is held until they are found | Wait or cancel
481 | order-notice | lives | - | The size was reduced | IB took a smaller size | Read the text
2109 | order-notice | lives | - | outside_rth was ignored | The order type does not know it | None needed
2137 | order-notice | lives | - | The order crosses the position | Long becomes short or back | Check it
2161 | order-notice | lives | - | IB may cap the price | A price-management notice | None needed
2168 | order-notice | lives | - | A retired attribute was ignored | Old clients send it | None needed
2169 | order-notice | lives | - | A retired attribute was ignored | Old clients send it | None needed
10349 | order-notice | lives | - | Time in force came from a preset | The order carried none, or the preset wins | Change the preset in IB Gateway
101 | request | none | MARKET_DATA_LINES | Too many market-data lines | The login's lines are used up, TWS counts too | Watch fewer instruments, or buy more lines
102 | request | none | - | The request id was used before | A mistake of the client | Report it
162 | request | none | IB_PACING | The historical service refused | The reason stands in IB's text: pacing, no data, no permission | Ask later, for less, or subscribe
166 | request | none | - | The contract has expired | Its history is gone | Ask for another contract
200 | request | rejected | UNKNOWN_SYMBOL | No such contract | The symbol is unknown, or several contracts match | Check symbol, exchange and currency
300 | notice | none | - | No such market-data line | It was cancelled before | None needed
309 | request | none | - | Too many depth requests | IB allows three | Close one
310 | notice | none | - | No such depth request | It was cancelled before | None needed
316 | notice | none | - | Depth is halted | The exchange halted | Wait
317 | notice | none | - | Depth was reset | The book starts anew | None needed
319 | request | none | - | Log level unknown | A mistake of the client | Report it
320 | request | rejected | BROKER_REJECTED | IB Gateway could not read the request | A mistake of the client | Report it with the log
321 | request | rejected | BROKER_REJECTED | IB Gateway refused the request | A field is invalid, or the API is read-only | Read the text; switch Read-Only API off in IB Gateway
322 | pacing | none | IB_PACING | Too many requests of this kind | 50 historical or 2 account summary requests are open | Wait for the open ones
365 | notice | none | - | No such scanner | It was cancelled before | None needed
366 | notice | none | - | No such historical request | It has ended | None needed
420 | pacing | none | IB_PACING | Invalid real-time query | Often pacing | Ask later
430 | request | none | - | No fundamentals | IB has none for this contract | None needed
100 | pacing | none | IB_PACING | Too many messages a second | Over 50 a second; the third time drops the session | Report it: our budget is 40
10182 | request | none | - | A live historical stream ended | A farm broke; the stream does not come back by itself | Nothing: we ask again
10185 | notice | none | - | No such P&L subscription | It was cancelled before | None needed
10092 | request | none | - | No depth for this exchange | IB has none | Ask another exchange
10190 | request | none | - | Too many tick-by-tick streams | 5 % of the lines | Close one
10225 | notice | none | - | A trade was busted | The real-time bars of it ended | Nothing: we ask again
10299 | request | none | - | Wrong kind of data for the product | Crypto needs AGGTRADES | Report it
10314 | request | none | - | A date or time is malformed | A mistake of the client | Report it
10330 | request | none | - | A date or time is malformed | A mistake of the client | Report it
354 | entitlement | none | NO_MARKET_DATA | No market-data right for this contract | The login has no subscription for the exchange | Subscribe in the client portal, or set IB_MARKET_DATA_TYPE=delayed
10089 | entitlement | none | NO_MARKET_DATA | Market data needs a further subscription | The API needs its own; delayed data is available | Subscribe in the client portal, or set IB_MARKET_DATA_TYPE=delayed
10090 | entitlement | none | - | Part of the data is not subscribed | Some exchanges are missing; the rest keeps flowing | Subscribe in the client portal
10091 | entitlement | none | NO_MARKET_DATA | Part of the data needs a further subscription | Delayed data is available | Subscribe in the client portal, or set IB_MARKET_DATA_TYPE=delayed
10167 | entitlement | none | - | Delayed data is shown instead | The login has no live subscription for the exchange | Subscribe in the client portal for live data
10168 | entitlement | none | NO_MARKET_DATA | Not subscribed, and delayed data is off | Neither live nor delayed prices are allowed | Set IB_MARKET_DATA_TYPE=delayed
10186 | entitlement | none | NO_MARKET_DATA | Not subscribed, and delayed data is off | Neither live nor delayed prices are allowed | Set IB_MARKET_DATA_TYPE=delayed
10187 | entitlement | none | - | No right to historical ticks | Not subscribed | Subscribe in the client portal
10189 | entitlement | none | - | No right to tick-by-tick data | Not subscribed, or TWS runs at another address | Subscribe, or close the other TWS
10197 | entitlement | none | COMPETING_SESSION | Another session has the market data | The same user is logged in elsewhere; live wins over paper | Close the other session
10276 | entitlement | none | - | The event feed is not allowed | Not subscribed | None needed
10277 | entitlement | none | - | The event feed needs a permission | Not subscribed | None needed
"""  # noqa: E501 - a row is a line


def _read(row: str) -> IbCode:
    number, kind, effect, our_code, title, cause, fix = row.split(" | ")
    return IbCode(
        int(number), IbKind(kind), title, cause, fix, OrderEffect(effect), "" if our_code == "-" else our_code
    )


IB_CODES: Mapping[int, IbCode] = MappingProxyType(
    {code.number: code for code in map(_read, _TABLE.strip().splitlines())}
)

#: Entitlement messages after which prices flow all the same: part of them, or delayed ones.
_PRICES_FLOW = frozenset({10090, 10167})

_INFORMATIVE = frozenset({IbKind.NOTICE, IbKind.FARM, IbKind.CONNECTIVITY, IbKind.ORDER_NOTICE})

#: Farm and client notices that have no line of their own.
_NOTICE_RANGE = range(2100, 2200)


def ib_code(number: int) -> IbCode:
    """Return what a number means; a number we do not know decides nothing and is read up on the wire."""
    known = IB_CODES.get(number)
    if known is not None:
        return known
    kind = IbKind.NOTICE if number in _NOTICE_RANGE else IbKind.UNKNOWN
    return IbCode(number, kind, f"IB message {number}", "See IB's text", "See IB's text", OrderEffect.UNKNOWN)


def is_informative(number: int) -> bool:
    """Tell whether a message only informs, so that the request it names goes on."""
    return number in _PRICES_FLOW or ib_code(number).kind in _INFORMATIVE


def is_reject(number: int) -> bool:
    """Tell whether a message is of the reject class (ST5): a re-read may now confirm a rejection."""
    return ib_code(number).order_effect is OrderEffect.REJECTED
