"""A prompt on the operator's side, for whatever reads lines in a process: see `attach_cli.prompt.dialogue`."""
