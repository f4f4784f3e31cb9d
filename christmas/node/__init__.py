"""Scrapyd with the jobs table as its queue, and with access control."""
