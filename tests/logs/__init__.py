"""Tests of the central logs: redaction, lines, the stream in Redis, and what the services make of them."""
