"""Nobody imports it."""

VALUE = 1
