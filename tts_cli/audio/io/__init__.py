"""Bytes and files of sound: ffmpeg, libsndfile, containers."""
