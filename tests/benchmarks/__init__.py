"""What christmas costs, measured against the goals: ``make bench``."""
