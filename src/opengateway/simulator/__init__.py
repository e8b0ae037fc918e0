"""A provider simulator: vendors' wires, vendors' strictness, and faults on demand.

It answers from recorded cases or generates, it is the bundled provider that lets the product answer
with no credential, and it is what the tests and load tests talk to. Start it with
`opengateway simulate` or `python -m opengateway.simulator.serve`.
"""
