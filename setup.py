"""Packaging entry point for ``scrapyd-deploy``; the metadata is in pyproject.toml."""

from setuptools import setup

setup()
