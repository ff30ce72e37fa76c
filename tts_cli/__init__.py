"""tts-cli: manifest -> plan -> jobs -> takes -> timeline -> master -> deliverables."""

__version__ = "0.1.0"

DEFAULT_ENGINE = "espeak"
DEFAULT_LANGUAGE = "en"
