"""The schema registry: the door of questions to it, and who we are there."""
