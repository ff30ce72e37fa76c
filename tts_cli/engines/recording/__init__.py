"""Plays a recorded file instead of speaking."""
