"""Scrapy downloader middlewares: they touch requests and responses."""
