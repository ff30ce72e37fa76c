"""Where it runs: a pool of subprocesses, one per device slot."""
