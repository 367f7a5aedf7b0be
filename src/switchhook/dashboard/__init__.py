"""The page people look at: HTML, style and modules as they are sent, and nothing to build.

What it asks for is the API's; what serves it is `api/page.py`. No rules, no HTTP, no database.
"""
