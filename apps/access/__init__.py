"""Who asks: API keys, scopes, staff roles."""
