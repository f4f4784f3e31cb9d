"""Authentication and authorisation: API keys, sessions, rate limits, the access log, the gate."""
