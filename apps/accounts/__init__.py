"""Connections, accounts, balances and each account's event log."""
