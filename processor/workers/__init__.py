"""Several processes of one group on one machine: sockets, signals and child processes."""
