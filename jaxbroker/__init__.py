"""The project package: settings, routes and processes. It composes and decides nothing."""

VERSION = "0.1.0"
