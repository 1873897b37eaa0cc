"""The part of live-attach that runs inside the target: the standard library and itself only, Python 3.8 syntax.

Nothing here may print, log, or import a module of the target. ``wire`` is the one module that the operator's
side imports too; everything else is sent over the channel and loaded from memory by ``loader``.
"""
