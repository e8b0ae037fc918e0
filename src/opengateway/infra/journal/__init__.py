"""The journal: a gateway's memory that survives its death (decisions 6-9).

`writer` appends, `shipper` brings what was written to control, `reader` is for both and for tools.
"""
