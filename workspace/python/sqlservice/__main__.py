"""`python -m sqlservice`: reads one request a line, writes one answer a line, ends when its standard input does."""

from .service import main

if __name__ == "__main__":
    main()
