"""What `switchhook serve` is made of: the parts put together, processes and workers, what an installation has."""
