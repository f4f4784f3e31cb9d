"""Histograms and counts per vendor and minute in Redis."""
