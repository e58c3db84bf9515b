"""What is deployed without Kubernetes: the image and the Compose file, carried out without a container engine."""
