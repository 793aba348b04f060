"""``python -m ecgnb``: the command line, where its script is not on the path."""

from ecgnb.cli import main

main()
