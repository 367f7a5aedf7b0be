"""A receiver in a web framework: one thin module for each, that takes the raw body and sends the receiver's answer.

The frameworks are the user's; a module imports the one it is named after and nothing else.
"""
