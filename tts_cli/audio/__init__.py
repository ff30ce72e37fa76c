"""How it sounds: numpy in, numpy out."""
