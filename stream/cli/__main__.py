"""`python -m stream.cli`: the same as `earshot`."""

from stream.cli.main import main

if __name__ == "__main__":
    main()
