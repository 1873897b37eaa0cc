"""pdb in one thread of a process that goes on: an operator's session, and what it changes meanwhile."""
