"""Audits of a dataset: which shortcuts solve it, by trivial methods under the rules of a protocol."""

from reidbench.audit.picture import check_picture, draw_report
from reidbench.audit.report import AuditReport
from reidbench.audit.run import AuditRequest, run_audits, score_audits

__all__ = ["AuditReport", "AuditRequest", "check_picture", "draw_report", "run_audits", "score_audits"]
