"""Messages of the text protocol: how values become replies, and an order frame an order."""
