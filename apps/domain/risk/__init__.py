"""The controls before the wire: limits people set, what a gate sees, one function a control."""
