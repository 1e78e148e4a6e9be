"""A program that pretends to be Interactive Brokers' IB Gateway.

It speaks the TWS socket protocol with a codec of its own, runs a venue that never
needs the real market, and keeps one paper account. It imports nothing of the rest of
the product: two programs that share a codec agree on its mistakes.
"""
