"""Scrapy downloader middlewares: politeness, timing, lease."""
