"""espeak-ng, embedded: robotic, instant, in over a hundred languages."""
