"""Submits jobs when they are due."""
