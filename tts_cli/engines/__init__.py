"""Who speaks: a protocol, a table of engines, and one adapter per engine."""
