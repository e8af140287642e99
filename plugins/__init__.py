"""The first-party methods, one package each; registered as third parties' are."""
