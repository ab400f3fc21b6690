"""The release gates: what must hold of the tree, the lock and the image before anything is shipped."""
