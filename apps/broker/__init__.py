"""How we speak to a broker: the port all of us know, its twin, and the adapter for IB."""
