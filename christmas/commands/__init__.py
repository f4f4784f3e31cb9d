"""The groups of the ``christmas`` command."""
