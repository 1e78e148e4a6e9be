"""The parts of JaxBroker; imports between them only go down."""
