"""Kyutai's pocket-tts: small neural voices that imitate clips."""
