"""What coverage.py of the target's Python makes of sources: statements, ways between them, tokens.

::

    analyses.py       the answers for all sources of a report, from wherever is best
    program.py        the analysis itself: runs here, in forks of ours, or in another interpreter
    workers.py        those processes; answer.py what they say, checked; spool.py keeps it
    interpreters.py   whose interpreter: one of the operator's own, else
    confined.py       the target's, with less rights than it has (allowed.py)
    releases.py       the coverage.py that supports that version
"""
