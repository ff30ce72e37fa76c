"""What the user types: the only place with typer and rich."""
