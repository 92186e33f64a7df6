"""Population: the account that joins mid-year estimates and components of change."""
