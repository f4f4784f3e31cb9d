"""Whether a service is alive and ready, and where it says so."""

LIVE, READY = "/health/live", "/health/ready"
