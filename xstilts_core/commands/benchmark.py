"""`xstilts score` and `submission`: the official scores and submission files of a benchmark."""

import argparse
import json

from xstilts_core.commands.study import load
from xstilts_core.errors import UsageError
from xstilts_core.files.paths import expanded


def score(options: argparse.Namespace) -> int:
    from xstilts_core.publish.xtreme import RULES, scores

    rules = RULES[options.benchmark]
    report = scores.score(rules, expanded(options.predictions), expanded(options.labels))
    print(
        json.dumps(report, indent=1, ensure_ascii=False)
        if options.json
        else scores.table(report, rules)
    )
    return 0


def submission(options: argparse.Namespace) -> int:
    from xstilts_core.publish.xtreme import RULES
    from xstilts_core.publish.xtreme.submission import cautions, write_submission

    study, out = load(options), expanded(options.out)
    if study.published:
        raise UsageError(
            f"{study.file}: published scores ({study.published}) come without predictions, "
            "so there is nothing to submit"
        )
    if study.parts:
        raise UsageError(
            f"{study.file}: a study of parts has no runs of its own: "
            f"name one of {', '.join(study.parts)}"
        )
    parts = write_submission(study, out, options.recipe, options.seed, options.partial)
    written_parts = [part for part in parts if part.files]
    width = max(len(part.task) for part in written_parts)
    for part in written_parts:
        print(
            f"{part.task:<{width}}  {len(part.files):>2} languages  "
            f"{part.spec.folder.relative_to(study.root)}"
        )
    for sentence in cautions(parts):
        print(f"note: {sentence}")
    count = sum(len(part.files) for part in written_parts)
    print(
        f"{count} files of {RULES[study.benchmark].title} in {out}, "
        "each read back as xstilts score reads it"
    )
    return 0
