"""Charts: Altair specifications, drawn as SVG without a browser or a network."""
