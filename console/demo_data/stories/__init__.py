"""Stories of the demo: one module per subject, one function per story."""
