"""What ends a session that nobody else ends: time, who watches the process, a fork."""
