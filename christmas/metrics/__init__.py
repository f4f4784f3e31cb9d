"""Latency, counts and queues over time, in Redis and for Prometheus."""
