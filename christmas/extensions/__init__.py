"""Scrapy extensions: they listen to signals."""
