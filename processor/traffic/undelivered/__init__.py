"""Records that could not be delivered: written down, or kept until that is paid for."""
