"""What happens in the demo: a module for each subject, a function for each story."""
