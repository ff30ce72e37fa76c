"""Who speaks: the contract, the table of engines, what they share, and one package per engine."""
