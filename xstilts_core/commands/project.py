"""`xstilts init`: a project of one's own."""

import argparse

from xstilts_core.files.paths import expanded
from xstilts_core.files.project import lay_out


def init(options: argparse.Namespace) -> int:
    folder = expanded(options.dir)
    written, different = lay_out(folder)
    for path in different:
        print(f"left as it is: {folder / path} (its content differs from this version's)")
    print(f"{len(written)} files written to {folder}")
    print(f"next: cd {folder} && xstilts check quick && xstilts run quick")
    return 0
