"""Products, their changes and prices over time, vendors, offers."""
