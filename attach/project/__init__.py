"""The project that a target belongs to: its coverage.py configuration.

::

    finding.py    which file it is, read with the target's rights
    reading.py    what it says: coverage.py's own reader, in a process of its own
    scope.py      what follows from it for the measurement, options of the command line before it

What it says for reports is applied by ``attach.report.settings``.
"""
