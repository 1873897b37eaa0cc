"""What would happen if one attached, by which method; if not, why, and what to do. Nothing is done to the process."""

from attach.doctor.machine import examine_machine
from attach.doctor.process import examine
from attach.doctor.verdict import Diagnosis, Verdict

__all__ = ["Diagnosis", "Verdict", "examine", "examine_machine"]
