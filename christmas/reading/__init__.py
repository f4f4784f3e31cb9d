"""From a page's bytes to facts: pure, without Scrapy, clock or I/O."""
