"""A real Kubernetes API server for the tests of the chart, built from the Go modules of a release."""
