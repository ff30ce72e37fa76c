"""What there is to download: packages and weights of every engine, and what of them is here. Nobody is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.environments import find_environment
from tts_cli.engines.weights import is_here, known_weights
from tts_cli.install.packages import choose_torch, usual_megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Something to download: `megabytes` as measured when the engine was tested, the packages' for this machine."""

    name: str
    what: Literal["packages", "weights"]
    here: bool
    megabytes: int
    gated: bool = False
    licence: str
    repo: str = ""
    revision: str = ""
    doc: str


def list_engine(spec: EngineSpec) -> Iterator[Listed]:
    """Yield an engine's packages, its weights, and a row that stands for its open parts."""
    if requirements := spec.install.requirements:
        torch = choose_torch(requirements)
        yield Listed(
            name=spec.name,
            what="packages",
            here=find_environment(spec).kind != "missing",
            megabytes=usual_megabytes(requirements, torch),
            licence="each has its own",
            doc=", ".join(requirements.packages) + (" (torch for the CPU)" if torch == "cpu" else ""),
        )
    for weights in known_weights(spec):
        yield Listed(
            name=f"{spec.name}:{weights.part}" if weights.part else spec.name,
            what="weights",
            here=is_here(spec, weights),
            megabytes=weights.megabytes,
            gated=weights.gated,
            licence=weights.licence,
            repo=weights.repo,
            revision=weights.revision,
            doc=weights.doc or spec.summary,
        )
    if opened := spec.install.open_parts:
        yield Listed(
            name=f"{spec.name}:{opened.name}",
            what="weights",
            here=False,
            megabytes=opened.megabytes,
            licence=opened.licence,
            repo=opened.repo,
            doc=opened.doc,
        )
