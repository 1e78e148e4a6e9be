"""Whatever dies, is cut or lies: the books stay true. Tools, and the tests that use them."""
