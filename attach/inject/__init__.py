"""Getting Python code into a running process. The only room that knows registers and addresses."""

from attach.inject.injection import Injection
from attach.inject.ladder import METHODS, inject
from attach.inject.preflight import c_library, check_rights, check_running, python_version, waits

__all__ = [
    "METHODS",
    "Injection",
    "c_library",
    "check_rights",
    "check_running",
    "inject",
    "python_version",
    "waits",
]
