"""A bell for each word: an example of an engine for tts-cli."""
