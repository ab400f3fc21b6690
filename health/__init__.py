"""Whether the control plane is well, and the steward that keeps it so."""
