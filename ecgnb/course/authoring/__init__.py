"""Keep lessons, recorded runs and generated text in step: `python -m ecgnb.course.authoring`."""
