"""The release: published tables, charts, words and pages, made from the store's tables."""
