"""Where calls and texts come from: one package per source, all reporting the same facts.

Nothing here decides which event a fact makes; that is the workspace's.
"""
