"""Attaching over and over to programs under load that check themselves: ``python -m tests.stress``."""
