"""Tests of christmas."""
