"""The jobs there are."""
