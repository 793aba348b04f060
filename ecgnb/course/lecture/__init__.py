"""A lesson for a lecture: slides with notes, and one page to hand out, both made of the executed notebook."""
