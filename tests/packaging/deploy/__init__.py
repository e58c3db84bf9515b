"""The image and the Compose file, carried out without a container engine."""
