"""What was said in a recording: each side by itself, in a process of its own, by a model of this machine or by an
endpoint that is configured; and a summary of it."""
