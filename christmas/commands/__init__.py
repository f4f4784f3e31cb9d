"""Every command of ``christmas``."""
