"""The account's figures under the names IB gives them."""

from __future__ import annotations

from apps.simulator.exchange.ledger import Worth
from apps.simulator.wire import money_text

Value = tuple[str, str, str]

_ZERO_KEYS = (
    "AccruedCash",
    "FutureOptionValue",
)


def _margin(worth: Worth) -> dict[str, float]:
    return {
        "NetLiquidation": worth.equity,
        "TotalCashValue": worth.cash,
        "SettledCash": worth.cash,
        "AccruedCash": 0.0,
        "BuyingPower": worth.buying_power,
        "EquityWithLoanValue": worth.equity,
        "PreviousEquityWithLoanValue": worth.equity - worth.daily,
        "PreviousDayEquityWithLoanValue": worth.equity - worth.daily,
        "GrossPositionValue": worth.gross,
        "RegTEquity": worth.equity,
        "RegTMargin": worth.gross * 0.5,
        "SMA": worth.equity - worth.gross * 0.5,
        "InitMarginReq": worth.initial_margin,
        "MaintMarginReq": worth.maintenance_margin,
        "AvailableFunds": worth.available,
        "ExcessLiquidity": worth.excess,
        "FullInitMarginReq": worth.initial_margin,
        "FullMaintMarginReq": worth.maintenance_margin,
        "FullAvailableFunds": worth.available,
        "FullExcessLiquidity": worth.excess,
        "LookAheadInitMarginReq": worth.initial_margin,
        "LookAheadMaintMarginReq": worth.maintenance_margin,
        "LookAheadAvailableFunds": worth.available,
        "LookAheadExcessLiquidity": worth.excess,
    }


def _plain(worth: Worth, account: str, *, is_ready: bool) -> list[Value]:
    cushion = worth.excess / worth.equity if worth.equity else 0.0
    leverage = worth.gross / worth.equity if worth.equity else 0.0
    return [
        ("AccountCode", account, ""),
        ("AccountReady", "true" if is_ready else "false", ""),
        ("AccountType", "INDIVIDUAL", ""),
        ("Cushion", f"{cushion:.6f}", ""),
        ("Leverage", f"{leverage:.2f}", ""),
        ("LookAheadNextChange", "0", ""),
        ("HighestSeverity", "0", ""),
        ("DayTradesRemaining", "-1", ""),
        ("TradingType-S", "STKNOPT", ""),
    ]


def ledger_values(worth: Worth, *, currency: str) -> list[Value]:
    """Return the figures kept per currency; `BASE` is their sum, all in dollars here."""
    amounts = {
        "CashBalance": worth.cash,
        "TotalCashBalance": worth.cash,
        "StockMarketValue": worth.stock_value,
        "OptionMarketValue": worth.option_value,
        "FuturesPNL": worth.futures,
        "AccruedDividend": worth.dividends,
        "NetDividend": worth.dividends,
        "NetLiquidationByCurrency": worth.equity,
        "UnrealizedPnL": worth.unrealized,
        "RealizedPnL": worth.realized,
        **dict.fromkeys(_ZERO_KEYS, 0.0),
        "FxCashBalance": 0.0,
    }
    values = [(key, money_text(amount), currency) for key, amount in amounts.items()]
    return [
        *values,
        ("ExchangeRate", "1.00", currency),
        ("Currency", currency, currency),
        ("RealCurrency", currency, currency),
    ]


def _commodities(worth: Worth) -> dict[str, float]:
    """Return the figures of the commodities segment: it holds just the cash its margin asks for."""
    initial, maintenance = worth.commodities
    equity = initial + worth.futures
    figures = dict.fromkeys(_margin(worth), 0.0)
    figures |= dict.fromkeys(("NetLiquidation", "EquityWithLoanValue"), equity)
    figures |= dict.fromkeys(("TotalCashValue", "SettledCash"), initial)
    for prefix in ("", "Full", "LookAhead"):
        figures[f"{prefix}InitMarginReq"], figures[f"{prefix}MaintMarginReq"] = initial, maintenance
        figures[f"{prefix}AvailableFunds"] = equity - initial
        figures[f"{prefix}ExcessLiquidity"] = equity - maintenance
    return figures


def account_values(worth: Worth, account: str, *, is_ready: bool = True) -> list[Value]:
    """Return everything reqAccountUpdates tells: totals, both segments, the ledger."""
    totals, commodities = _margin(worth), _commodities(worth)
    values = _plain(worth, account, is_ready=is_ready)
    for key, amount in totals.items():
        part = commodities[key]
        whole = (("", amount), ("-S", amount - part), ("-C", part))
        values += [(f"{key}{segment}", money_text(figure), "USD") for segment, figure in whole]
    told = {(key, currency) for key, _, currency in values}
    ledger = [*ledger_values(worth, currency="BASE"), *ledger_values(worth, currency="USD")]
    return values + [one for one in ledger if (one[0], one[2]) not in told]


def summary_values(worth: Worth, account: str, tags: list[str], *, is_ready: bool = True) -> list[Value]:
    """Return the wanted tags, in the order asked for."""
    known = {
        key: (key, value, currency) for key, value, currency in _plain(worth, account, is_ready=is_ready)
    }
    known |= {key: (key, money_text(amount), "USD") for key, amount in _margin(worth).items()}
    values: list[Value] = []
    for tag in tags:
        if tag.startswith("$LEDGER"):
            wanted = tag.partition(":")[2] or "BASE"
            for currency in ("BASE", "USD"):
                if wanted in (currency, "ALL"):
                    values += ledger_values(worth, currency=currency)
        elif tag in known:
            values.append(known[tag])
    return values
