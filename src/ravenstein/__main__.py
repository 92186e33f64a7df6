"""`python -m ravenstein` is the command `ravenstein`."""

from ravenstein.cli import main

if __name__ == "__main__":
    main()
