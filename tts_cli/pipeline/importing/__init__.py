"""A source to a manifest to edit, and a new edition into one that was edited."""
