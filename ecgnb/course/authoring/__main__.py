"""`python -m ecgnb.course.authoring`: notebooks, record, weights, waves, twelve, readme."""

from __future__ import annotations

import sys

from ecgnb.course.authoring.card import PRETRAINED
from ecgnb.course.authoring.quiz import faults, quiz_path
from ecgnb.course.authoring.record import record, stale_because, update_notebook
from ecgnb.course.authoring.text import is_earlier, recorded, update_readme
from ecgnb.course.lessons import PROFILES, find, lessons
from ecgnb.errors import EcgnbError, UsageError


def main(arguments: list[str]) -> int:
    """Run ``notebooks``, ``record [NUMBER]``, ``weights``, ``waves``, ``twelve`` or ``readme``."""
    try:
        if arguments[:1] == ["record"]:
            for lesson in [find(number) for number in arguments[1:]] or lessons():
                for profile in ("smoke", "full"):
                    record(lesson, profile)
        elif arguments == ["weights"]:
            for number in [*sorted({shipped.lesson for shipped in PRETRAINED.values()}), "07"]:
                update_notebook(find(number), anew=True)
        elif arguments == ["waves"]:
            from ecgnb.course.authoring.waves import make_wave_weights

            make_wave_weights()
            return 0
        elif arguments == ["twelve"]:
            from ecgnb.course.authoring.twelve import make_twelve_weights

            make_twelve_weights()
            return 0
        elif arguments not in (["notebooks"], ["readme"]):
            raise UsageError(
                "python -m ecgnb.course.authoring takes one of: notebooks, record [NUMBER], weights, waves, twelve, "
                "readme"
            )
        for lesson in lessons():
            if arguments == ["notebooks"] or not stale_because(lesson):
                update_notebook(lesson)
            runs = recorded(lesson)
            if "default" in runs and quiz_path(lesson).is_file():
                for fault in faults(lesson, runs["default"]):
                    print(f"{lesson.name}: the recorded run makes an answer of its quiz wrong: {fault}")
            fresh = {profile for profile, run in runs.items() if not is_earlier(lesson, run)}
            if missing := [profile for profile in PROFILES if profile not in fresh]:
                print(f"{lesson.name}: not recorded since its code changed: {', '.join(missing)}; run: make full")
        update_readme()
    except EcgnbError as fault:
        print(f"authoring: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
