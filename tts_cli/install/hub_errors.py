"""What goes wrong between us and a hub, as sentences with the next step; a token is in none of them."""

import contextlib
import errno
import re
from collections.abc import Iterator

from tts_cli.engines.base import Weights
from tts_cli.errors import MissingError, TtsError

# A token, what stands before the last @ of an address, or what it asks with.
SECRET = re.compile(r"hf_\w{4,}|(?<=//)[^/\s]+(?=@)|(?<=[^\s?]\?)[^\s?'\"]+")
KEPT = "run the command again: finished files are kept"


class OutOfReachError(MissingError):
    """No hub can be asked: we are told not to, or none answers."""


@contextlib.contextmanager
def translated(weights: Weights, endpoint: str) -> Iterator[None]:
    """Turn the client's and the system's errors into ours."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except TtsError:
        raise
    except HfHubHTTPError as error:  # before OSError, which it also is
        raise _answer(error, weights, endpoint) from error
    except LocalEntryNotFoundError as error:
        raise OutOfReachError(f"{weights.repo} is not here as a whole", hint=KEPT) from error
    except OfflineModeIsEnabled as error:
        raise OutOfReachError("HF_HUB_OFFLINE forbids to ask a hub", hint="unset it, or use --from DIR") from error
    except httpx2.TransportError as error:
        reason = redact(str(error) or type(error).__name__)
        hint = "check the network, or use a mirror (--endpoint URL) or a folder (--from DIR)"
        raise OutOfReachError(f"{redact(endpoint)} cannot be reached: {reason}", hint=hint) from error
    except OSError as error:
        raise describe_os_error(error) from error
    # The client refuses malformed names like this.
    except ValueError as error:
        raise MissingError(f"{weights.repo} cannot be fetched: {redact(str(error))}") from error


def redact(text: str) -> str:
    """Return the first line of a text that others wrote, without the secrets in it."""
    return SECRET.sub("...", text.strip().partition("\n")[0])


# What a hub refuses, and the next step; {hub}, {repo} and {why} are filled in.
REFUSALS = {
    "gated": (
        "{repo} is gated, and this account has not been let in",
        "accept its licence at {hub}/{repo}, then `hf auth login` or set HF_TOKEN, and run the command again",
    ),
    "revision": ("{repo} has no such revision", "--revision takes a branch, a tag or a commit"),
    "file": ("a file of {repo} is gone from {hub}", "try --revision, or --from DIR"),
    "token": ("{hub} does not know the token", "`hf auth login`, or set another HF_TOKEN"),
    "repository": (
        "{hub} has no {repo}, or does not show it to this account",
        "for a private repository `hf auth login` or set HF_TOKEN; for a mirror check --endpoint",
    ),
    "forbidden": (
        "{hub} forbids to read {repo} with this token",
        "the token needs the permission to read (gated) repositories: change it, or make another",
    ),
    "busy": ("{hub} asks to wait: too many requests", f"later, {KEPT}"),
    "other": ("{hub} fails: {why}", f"later, {KEPT}"),
}


def _answer(error: Exception, weights: Weights, endpoint: str) -> MissingError:
    message, hint = REFUSALS[_kind(error)]
    facts = {"hub": redact(endpoint), "repo": weights.repo, "why": redact(str(error))}
    return MissingError(message.format(**facts), hint=hint.format(**facts))


def _kind(error: Exception) -> str:
    """Tell refusals apart: some are cousins of others, and a token that nobody knows has no class of its own."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", 0)
    known = (
        ("gated", isinstance(error, errors.GatedRepoError)),  # is a RepositoryNotFoundError, too
        ("revision", isinstance(error, errors.RevisionNotFoundError)),
        ("file", isinstance(error, errors.RemoteEntryNotFoundError)),
        ("token", status in {401, 403} and "credentials" in str(error)),
        ("repository", isinstance(error, errors.RepositoryNotFoundError)),
        ("forbidden", status in {401, 403}),
        ("busy", status == 429),
    )
    return next((kind for kind, fits in known if fits), "other")


def describe_os_error(error: OSError) -> MissingError:
    """Return what the system refused, and what to do."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return MissingError(f"{where}no space left", hint=f"make room or move TTS_CLI_HOME, then {KEPT}")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return MissingError(f"{where}no permission to write", hint="set TTS_CLI_HOME to a folder of your own")
    return MissingError(f"{where}{redact(error.strerror or str(error))}", hint=KEPT)
