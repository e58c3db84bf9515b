"""Where settings come from: YAML, and references to variables and files."""
