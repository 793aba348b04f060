"""What makes notebooks a course: runs, lessons, sections, exercises. It imports no PyTorch until a run is finished."""

from ecgnb.course.display import show_banner, show_source, show_text
from ecgnb.course.run import Run
from ecgnb.paths import is_interactive

__all__ = ["Run", "is_interactive", "show_banner", "show_source", "show_text"]
