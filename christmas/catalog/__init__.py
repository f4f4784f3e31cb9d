"""The SQL store: keys and listings, products and their changes, and the record of every run."""
