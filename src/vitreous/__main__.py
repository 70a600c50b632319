"""`python -m vitreous` is the command line, where no script is at hand."""

from vitreous.cli.main import main

if __name__ == "__main__":
    main()
