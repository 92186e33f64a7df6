"""The twin: a simulated country. It imports no estimator, only tables and core."""
