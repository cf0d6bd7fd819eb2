"""`python -m dione`: the command `dione`, where its script is not on the path."""

from dione.cli import main

if __name__ == "__main__":
    main()
