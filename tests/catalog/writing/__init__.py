"""Tests of the room writing."""
