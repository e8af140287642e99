"""Parts of the benchmark `instrument.py`."""
