"""What tts-cli is, for all who need to say so: its version, where it lies, and what a script that says nothing gets."""

from pathlib import Path

__version__ = "0.1.0"

DEFAULT_ENGINE = "espeak"
DEFAULT_LANGUAGE = "en"

PACKAGE = Path(__file__).parent
