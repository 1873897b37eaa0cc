"""Looking at what the program's threads, greenlets and tasks do now, while they go on."""
