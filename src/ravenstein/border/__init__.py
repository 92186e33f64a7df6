"""Border movements: crossings in order, and who became or ceased to be a resident."""
