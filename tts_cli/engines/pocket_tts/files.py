"""Which files pocket-tts speaks with: the package's own configs, with every file that they name found on this machine.

A config names its weights as `hf://OWNER/NAME/PATH@COMMIT`. They are looked for where `tts-cli download` puts them, and
never fetched here. A model of one's own, say of another language, is a config `LANGUAGE.yaml` in the folder
`TTS_CLI_HOME/weights/pocket-tts`, with paths relative to it, and embeddings in `LANGUAGE/NAME.safetensors` beside it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_cli.engines.pocket_tts.voices import CONFIGS, NAME, own_config
from tts_cli.engines.pocket_tts.weights import cloning_part
from tts_cli.engines.weights import hub_folder, read_record
from tts_cli.errors import MissingError, TakeError

_LICENCE = "accept the licence at https://huggingface.co/kyutai/pocket-tts, then"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A config as the package's loader takes it, its paths made absolute; `cloning` says which weights it names.

    `embeddings` is an address like those of the config, with `{}` for the voice's name.
    """

    config: Mapping[str, Any]
    cloning: bool
    embeddings: str
    folder: Path


def digest_own_configs(versions: Mapping[str, str]) -> str:  # noqa: ARG001  what every front end is given
    """Return the digest of the user's configs and of the files beside them, for keys; empty where there are none."""
    folder = hub_folder() / NAME
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not files:
        return ""
    contents = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # By relative names, so that a home that has moved keeps its keys.
        contents.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return contents.hexdigest()[:16]


def find_model(language: str, configs: Path) -> ModelFiles:
    """Find a language's files; `configs` is the package's folder. Raises `MissingError` for what is not here."""
    import yaml

    path = own_config(language) or configs / f"{CONFIGS.get(language, language)}.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    folder, part = path.parent, "" if language == "en" else language
    public = config.pop("weights_path_without_voice_cloning", None)
    gated = config.get("weights_path")
    found = find_file(gated, folder) if gated else None
    # The gated weights also speak, so they are taken wherever they are here.
    cloning = found is not None
    config["weights_path"] = str(found or _mustfind_file(public or gated or "model.safetensors", folder, part))
    table = config["flow_lm"]["lookup_table"]
    table["tokenizer_path"] = str(_mustfind_file(table["tokenizer_path"], folder, part))
    for section in (config["flow_lm"], config["mimi"]):
        if section.get("weights_path"):
            section["weights_path"] = str(_mustfind_file(section["weights_path"], folder, part))
    return ModelFiles(config=config, cloning=cloning, embeddings=_embeddings(path, configs), folder=folder)


def find_embedding(files: ModelFiles, voice: str, language: str) -> Path:
    """Return the file of a voice that comes with the weights; raises `TakeError` where it is not here."""
    found = find_file(files.embeddings.replace("{}", voice), files.folder)
    if found is None:
        name = _part_name("" if language == "en" else language)
        raise TakeError(f"the voice {voice} of {name} is not here", hint=f"tts-cli download {name}")
    return found


def refuse_cloning(language: str) -> TakeError:
    """Say that the weights at hand can speak but not imitate, which the package would only say in passing."""
    hint = f"{_LICENCE} tts-cli download {_part_name(cloning_part(language))}"
    return TakeError("pocket-tts cannot imitate without its weights for voice cloning", hint=hint)


def _embeddings(path: Path, configs: Path) -> str:
    """Return where the voices lie: beside a config of one's own, or where the package has them for its own."""
    beside = path.with_suffix("")
    if path.parent != configs and beside.is_dir():
        return str(beside / "{}.safetensors")
    from pocket_tts.utils.utils import get_predefined_voice

    return str(get_predefined_voice(CONFIGS.get(path.stem, path.stem), "{}"))


def _mustfind_file(address: str, folder: Path, part: str) -> Path:
    found = find_file(address, folder)
    if found is None:
        name = _part_name(part)
        raise MissingError(f"the weights of {name} lack {address}", hint=f"tts-cli download {name}")
    return found


def find_file(address: str, folder: Path) -> Path | None:
    """Find what a config names, at the commit that it names; or else in whatever was fetched of that repository."""
    if not address.startswith("hf://"):
        path = folder / address
        return path if path.is_file() else None
    name, _, commit = address.removeprefix("hf://").partition("@")
    owner, repository, path_in_it = name.split("/", 2)
    repo = f"{owner}/{repository}"
    exact = hub_folder() / f"models--{owner}--{repository}" / "snapshots" / commit
    candidates = (place / path_in_it for place in (exact, *_fetched_folders(repo)))
    return next((path for path in candidates if path.is_file()), None)


def _fetched_folders(repo: str) -> Iterator[Path]:
    for fetched in read_record(NAME).values():
        for each in fetched:
            if each.repo == repo:
                yield hub_folder() / each.folder


def _part_name(part: str) -> str:
    return f"{NAME}:{part}" if part else NAME
