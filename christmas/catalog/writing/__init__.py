"""What the items of a run become in the catalog."""
