"""The only part that opens a database or a data file; it checks tables and keeps provenance."""
