"""Signals of this project's own, sent through Scrapy's signal manager."""

# Sent by a spider that is about to read the catalog; the store writes what it still holds before it answers.
store_wanted = object()
