"""tts-cli: manifest -> plan -> jobs -> takes -> timeline -> master -> deliverables."""

__version__ = "0.1.0"
