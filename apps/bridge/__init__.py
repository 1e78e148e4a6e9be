"""The surfaces for programs: frozen REST and WebSocket dialects, native socket."""
