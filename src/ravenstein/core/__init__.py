"""What every part shares: declared tables, estimates with draws, dated parameters, errors."""
