"""Whether a run can be trusted: verdicts, price movements, quarantine."""
