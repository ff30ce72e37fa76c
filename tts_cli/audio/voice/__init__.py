"""What makes a voice: pitch and spectral envelope."""
