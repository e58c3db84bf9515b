"""Ways on which an origin is reached that is not dialled itself: a proxy, a socket of the file system."""
