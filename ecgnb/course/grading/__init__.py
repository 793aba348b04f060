"""Grading of exercises that a class hands in: found, read within bounds, executed behind walls, checked, compared."""
