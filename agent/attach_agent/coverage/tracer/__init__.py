"""Measuring by coverage.py's C tracer: loading it, giving it to threads and greenlets, plug-ins that it asks."""
