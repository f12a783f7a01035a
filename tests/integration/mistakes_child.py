"""Run command lines one after the other in one process, and tell how each ended.

Read as JSON on stdin: a list of lists of words. Written: code, stdout and stderr of each.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from enrich.cli.main import main


def _ended(words: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(words)
        except SystemExit as exc:
            code = exc.code
    return int(code or 0), out.getvalue(), err.getvalue()


if __name__ == "__main__":
    told = [_ended(words) for words in json.load(sys.stdin)]
    json.dump(told, sys.stdout)
