"""Scrapy extensions: run report, metrics, logs."""
