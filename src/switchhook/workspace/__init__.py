"""What the phone knows: numbers, users, contacts, calls; and the rules that make an event of a fact.

Sources report facts to it; it changes its state and names the event in one transaction.
"""
