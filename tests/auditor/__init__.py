"""The auditor's tests."""
