"""Tables, migrations, queries and the group-committing writer.

Knows rows and transactions; the rules of delivery and of the workspace live above it.
"""
