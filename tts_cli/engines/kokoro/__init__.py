"""Kokoro-82M: natural preset voices, and blends of them."""
