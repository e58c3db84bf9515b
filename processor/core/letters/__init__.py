"""Dead letters as they are read again: what one tells, which are meant, how many of each kind there are."""
