"""`python -m segbox` is the console script `segbox`."""

from segbox.commands import main

if __name__ == "__main__":
    main()
