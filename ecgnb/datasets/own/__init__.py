"""A reader's own recording, from the files that people have."""

from ecgnb.datasets.own.recording import Recording, read_recording

__all__ = ["Recording", "read_recording"]
