"""The auditor: whether what a run has read can be believed, and how its vendor is. Pure: no clock, no database."""
