"""What a user can set: on the command line, in the environment and in `switchhook.toml`, read and checked."""
