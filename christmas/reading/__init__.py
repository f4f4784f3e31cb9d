"""From a page's bytes to facts: pure functions without Scrapy, clock or I/O."""
