"""Client of the InverseSolver service; docs/clients.md shows it at work."""
from .client import Client, File
from .records import ApiError, Artefact, ChecksumError, Event, InverseSolverError, Job, JobCancelled, JobFailed, Progress, ServiceWarning

__all__ = [
    "ApiError", "Artefact", "ChecksumError", "Client", "Event", "File", "InverseSolverError", "Job", "JobCancelled", "JobFailed", "Progress",
    "ServiceWarning",
]
