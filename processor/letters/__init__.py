"""Dead letters as their operator meets them: how many are open, and what each tells."""
