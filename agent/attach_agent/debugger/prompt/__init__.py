"""pdb in a thread of a live program: made harmless, beside what traced the thread before."""
