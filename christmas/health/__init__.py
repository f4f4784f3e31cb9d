"""Whether a service is alive and ready."""
