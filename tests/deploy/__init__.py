"""Deploying versions of the spiders to nodes."""
