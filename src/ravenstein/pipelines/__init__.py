"""Plain functions: read, call methods, write."""
