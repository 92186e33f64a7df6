"""Readers of official files, one module a file family."""
