"""Doctor: why a training does not learn, from what is measured while it runs."""

import sys

from vitreous.doctor.calling import Practice
from vitreous.doctor.diagnoses import DIAGNOSES, Diagnosis, diagnose
from vitreous.doctor.evidence import Evidence
from vitreous.doctor.watch import Watch

__all__ = ["DIAGNOSES", "Diagnosis", "Evidence", "Watch", "diagnose"]

sys.modules[__name__].__class__ = Practice
