"""Source -> Manifest: defaults applied, every name looked up, all problems at once."""
