"""What people do with voices: clone, precompute, pack, audition, list."""
