"""Whether a service lives and is ready."""
