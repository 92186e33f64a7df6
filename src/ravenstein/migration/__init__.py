"""Migration: its components, totals and published tables, and how they agree."""
