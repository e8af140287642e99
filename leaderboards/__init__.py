"""Data of the published leaderboards: records and rendered tables."""
