"""Item pipelines, one step per file; the order is in settings.py."""
