"""The command `letters`: dead letters counted, shown, sent again, put back, deleted."""
