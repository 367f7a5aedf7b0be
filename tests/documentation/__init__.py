"""Every block that the documentation shows is run, or checked as what it is."""
