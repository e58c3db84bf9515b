"""What is told of events that are settled: in which words, and when it may be."""
