"""What the app takes at most; imports nothing, so that the server starts at once."""

MAX_UPLOAD = 450 * 2**20  # bytes; from 512 MB on the page says 1 GB

MOST_HELD = 2 * 2**30  # bytes of signal, and of the files it came from, in all visits together
