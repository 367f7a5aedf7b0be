"""`python -m switchhook` is the command `switchhook`."""

from switchhook.cli import main

main()
