"""Bytes to plain data and back, without decisions."""
