"""Whole journeys over real sockets, rows and processes."""
