"""Sample shops on loopback, and the demonstration that reads them."""
