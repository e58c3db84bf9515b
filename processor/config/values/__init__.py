"""How the values of settings are written: texts of a stated form, each with its remedy."""
