"""Tests of the room definitions."""
