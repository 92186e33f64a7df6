"""Ravenstein: official migration and population statistics, from source to release."""

__version__ = "0.1.0"
