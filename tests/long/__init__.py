"""What takes minutes: run by ``make test-long``; each has a small sibling among the other tests."""
