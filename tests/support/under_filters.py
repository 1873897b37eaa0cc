"""``python under_filters.py FILTER[,FILTER]... COMMAND...``: runs a command under seccomp filters, in hexadecimal."""

import os
import sys

import filters  # type: ignore[import-not-found]  # beside this script

for code in sys.argv[1].split(","):
    filters.install(bytes.fromhex(code))
os.execvp(sys.argv[2], sys.argv[2:])
