"""Pictures of the page over a day of a small office that is made up: `python -m bench.page`."""
