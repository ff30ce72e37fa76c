"""What is said: markup, normalisation and splitting."""
