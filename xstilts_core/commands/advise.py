"""`xstilts advise`: which intermediate task to train on first."""

import argparse
import json

from xstilts_core.commands.places import model, place
from xstilts_core.errors import UsageError

_SHOWN = ("gain", "low_80", "high_80", "low_95", "high_95", "chance")


def advise(options: argparse.Namespace) -> int:
    from xstilts_core.report.advice import Encoding, answers

    if bool(options.target) == bool(options.data):
        raise UsageError("give a target of the suite (xstilts tasks), or rows with --data FILE")
    if bool(options.data) != bool(options.format):
        raise UsageError("--data FILE and --format F belong together: give both or neither")
    encoding = Encoding(
        encoder=model(options.encoder),
        models=options.models,
        source=options.source,
        data_root=place(options.data_root),
        outputs=place(options.outputs),
    )
    languages = [code.strip() for code in options.languages.split(",") if code.strip()]
    advice = answers(
        options.target, options.studies, languages, options.data, options.format, encoding
    )
    if not options.json:
        print("\n\n".join(answer.text for answer in advice))
        return 0
    for answer in advice:
        ranks = answer.table[["recipe", "tasks", *_SHOWN, "reasons", "commands"]]
        content = {"language": answer.language, "rule": answer.table.attrs["rule"]}
        rows = json.loads(ranks.to_json(orient="records"))
        print(json.dumps({**content, "ranks": rows}, ensure_ascii=False))
    return 0
