"""``python -m attach`` is the command."""

import importlib

# by name, because the library does not depend on the command line
importlib.import_module("attach_cli.entry").run()
