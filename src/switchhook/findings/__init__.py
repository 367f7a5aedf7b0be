"""What `switchhook doctor` looks at: a module for each thing, each finding says what is so and what to do."""
