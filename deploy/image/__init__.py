"""The container image: how it is built, with Docker's engine or without."""
