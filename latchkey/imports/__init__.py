"""Import of existing keys: hash functions, shapes of tokens, and readers of files. Shared by server and client."""
