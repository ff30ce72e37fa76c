"""What makes an engine ready: weights, environments, and what is there of both."""
