"""christmas: a price guide for collectible ornaments that keeps itself up to date."""

__version__ = "0.1.0"
