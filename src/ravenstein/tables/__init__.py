"""The data dictionary: every declared table, a module a subject."""
