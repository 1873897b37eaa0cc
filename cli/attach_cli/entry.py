"""Where the program begins: Ctrl-C is understood before anything large is imported."""

import sys


def run() -> None:
    """The console script ``attach``."""
    try:
        from attach_cli.main import main

        code = main()
    except KeyboardInterrupt:
        print("\nattach: interrupted; nothing was done", file=sys.stderr)
        code = 130
    sys.exit(code)
