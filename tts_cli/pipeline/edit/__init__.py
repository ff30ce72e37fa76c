"""Takes -> Timeline: where each take lies, exact to the sample."""
