"""Tests of the groups of commands, each run as a process."""
