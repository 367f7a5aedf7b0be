"""The objects that requests and responses carry. The same types validate, render and describe (`/openapi.json`)."""
