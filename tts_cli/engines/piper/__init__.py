"""Piper's VITS voices over plain onnxruntime, with the phonemes of the embedded espeak-ng."""
