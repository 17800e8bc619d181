"""Resolve what is typed on the command line: paths, and a study with the options that override its
file. Explain the system's errors about paths."""

import argparse
import errno
import os
from pathlib import Path
from typing import Any, get_args

from xstilts_core.errors import UsageError, unknown
from xstilts_core.files.paths import expanded

PLACES = "relative paths start from the folder where the command is typed"
TYPED = ("outputs", "data_root", "encoder", "out", "dir", "output", "predictions", "labels")
# Errors that concern the path itself, whatever the program was doing there.
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def place(path: str) -> str:
    """Return a typed path, relative to the project's folder if inside it, else absolute. Kernels
    and Snakemake work from the project's folder."""
    from xstilts_core.files.paths import home

    if not path:
        return ""
    full = expanded(path).resolve()
    return (
        str(full.relative_to(home()))
        if full.is_relative_to(home()) and full != home()
        else str(full)
    )


def model(typed: str) -> str:
    """Return the model given on the command line: a folder as from `place`, a hub name as is."""
    from xstilts_core.study.study_file import is_folder

    return place(typed) if is_folder(typed, expanded(typed)) else typed


def require_folder(typed: str, folder: Path) -> None:
    """Raise UsageError if `folder`, from `--outputs typed`, or one of its parents is a file."""
    if file := next((path for path in (folder, *folder.parents) if path.is_file()), None):
        raise UsageError(f"--outputs {typed}: {file} is a file: give a folder")


def load(options: argparse.Namespace) -> Any:
    from xstilts_core.study import Study
    from xstilts_core.study.study_file import check_model

    data_root = place(options.data_root)
    if data_root and not expanded(options.data_root).is_dir():
        raise UsageError(f"--data-root {options.data_root}: no such folder ({PLACES})")
    study = Study.load(options.study, place(options.outputs), data_root, _overrides(options))
    require_folder(options.outputs, study.root)
    # `status` and `reference` read results, which works without the encoder.
    if options.command not in ("status", "reference"):
        for member in study.members:
            check_encoder(member)
        specs = () if study.reference else study.specs
        for name in dict.fromkeys(
            name for spec in specs for name in getattr(spec, "translators", ())
        ):
            check_model(name, f"{study.file}: translator", "facebook/nllb-200-distilled-600M")
    return study


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    """Return the source and encoder that override the study's file.

    Raise UsageError for an unknown source or for an encoder that cannot be trained from.
    """
    from xstilts_core.study import study_file
    from xstilts_core.tasks import SourceName

    if options.source and options.source not in get_args(SourceName):
        raise unknown("source", options.source, get_args(SourceName), "--source")
    encoder = model(options.encoder)
    if encoder and options.command != "status":
        study_file.check_encoder(
            encoder if encoder == options.encoder else str(expanded(options.encoder).resolve()),
            "--encoder",
        )
    return {"source": options.source, "encoder": encoder}


def check_encoder(study: Any) -> None:
    """Raise UsageError if the study cannot start from its encoder, or if a run needs more layers or
    positions than the encoder has.

    A local folder is checked completely, which takes seconds. A hub encoder is checked when it is
    fetched or loaded. A study of kept runs needs no encoder.
    """
    if study.reference:
        return
    from xstilts_core.files import encoder_files
    from xstilts_core.study import precision, study_file
    from xstilts_core.study.spec import EncoderSpec

    folder = study_file.check_encoder(study.encoder, f"{study.file}: encoder")
    if folder:
        from xstilts_core.encoders import loading

        loading.check(folder, f"{study.file}: encoder {study.encoder!r}")
    for spec in study.specs:
        if isinstance(spec, EncoderSpec) and (
            reason := encoder_files.limits_problem(
                precision.configuration(spec),
                study.encoder,
                getattr(spec, "layer", -1),
                spec.max_length,
            )
        ):
            raise UsageError(f"{study.file}, {spec.folder.relative_to(study.root)}: {reason}")


def refusal(error: OSError, options: argparse.Namespace) -> str:
    """Return the message for a path that cannot be used; "" for an error that may be a bug of ours.

    A missing file, or an existing one in the way, may be a bug unless its path was typed or is a
    parent of a typed path.
    """
    if not isinstance(error.filename, str):
        return ""
    path = Path(os.path.realpath(error.filename))
    typed = [
        Path(os.path.realpath(expanded(value)))
        for name in TYPED
        if (value := getattr(options, name, ""))
    ]
    was_typed = any(path in (typed_path, *typed_path.parents) for typed_path in typed)
    if error.errno not in REFUSED and not (
        was_typed and isinstance(error, FileNotFoundError | FileExistsError | IsADirectoryError)
    ):
        return ""
    return f"{path} cannot be used ({error.strerror}): give a place that can be read and written"
