"""What was measured: the sets that collectors fill, periods of time cut out of them, and the file they are saved to."""
