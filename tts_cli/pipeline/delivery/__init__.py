"""Takes -> files that people ship: each is measured after it was encoded."""
