"""The whole house on one machine: everything at once. Only the command line imports it."""
