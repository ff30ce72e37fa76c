"""A sine per character, for dry runs and benchmarks, and every fault on request."""
