"""What is shipped beside the package, and how it is made."""
