"""Tests of the jobs: definitions, hooks, submission, the tree of jobs."""
