"""Where voices lie: ./voices, beside the manifest, in the home folder, in the installed package; the first one wins."""

from dataclasses import dataclass
from pathlib import Path

from tts_cli.settings import packaged

FOLDER = "voices"
VOICE_FILE = "voice.yaml"


@dataclass(frozen=True, slots=True)
class VoiceLibrary:
    """Folders that hold voices, each a folder with a `voice.yaml`, in the order in which they are searched."""

    folders: tuple[Path, ...]

    def find(self, name: str) -> Path | None:
        """Return the folder of a voice; names are compared, never joined to a path."""
        return self.voices().get(name)

    def voices(self) -> dict[str, Path]:
        """Return every voice's folder by name."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for path in sorted(folder.glob(f"*/{VOICE_FILE}")):
                found.setdefault(path.parent.name, path.parent)
        return found


def open_library(home: Path | None, beside: Path | None = None) -> VoiceLibrary:
    """Return the library as seen from the working directory, and from a manifest that lies in `beside`."""
    places = [place / FOLDER for place in (Path(), beside, home) if place]
    return VoiceLibrary((*places, *packaged(FOLDER)))
