"""Conformance checks for plugin authors: `check_method` here, `reidbench check METHOD` on the command line."""

from reidbench.testing.method import METHOD_CHECKS, CheckResult, check_method

__all__ = ["METHOD_CHECKS", "CheckResult", "check_method"]
