"""What happens: one file per arrow; `run` alone knows them all."""
