"""Records under way: callbacks on a clock. No task, no thread, no library."""
