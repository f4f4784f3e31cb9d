"""``python -m christmas`` is the ``christmas`` command."""

from christmas.cli import main

main()
