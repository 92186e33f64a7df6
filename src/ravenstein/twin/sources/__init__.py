"""The twin's imperfect views: what a statistics office would be given."""
