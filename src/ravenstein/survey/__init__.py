"""Survey methods: designs, weights and design-based estimates. They know no particular survey."""
