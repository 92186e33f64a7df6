"""The passenger survey: weights stage by stage, each with a replicate axis, and migrants."""
