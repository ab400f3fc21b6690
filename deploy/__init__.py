"""Files to run Latchkey with, and the code that builds its image and prepares a release."""
