"""The fault matrix: real servers, real traffic, one thing that goes wrong, and then a count by id.

    python -m bench.faults [NAME …|all] [--store sqlite|postgresql] [--list] [--keep]

`world.py` is the harness that every fault shares, `victim.py` a server that kills itself at a named point,
`receiver.py` a receiver that misbehaves until it is told to be good. Every other module is one family of faults.
Nothing reaches beyond loopback and the network and mount namespaces made here; those faults need root and say so.
"""
