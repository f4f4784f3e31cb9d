"""Who calls, and may they: API keys, sessions, rate limits, access log."""
