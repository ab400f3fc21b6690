"""The image: how it is built without or with Docker's engine, and what must hold of it before it is shipped."""
